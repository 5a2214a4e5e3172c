// A run: its failure first, if there is one, then its graph, timeline, tasks, parameters, code and cards.

import { useEffect } from "preact/hooks";
import { Problem } from "../api";
import { Failure, Lost, Skeleton, tabOf, Tabs, total, useNow } from "../components/basic";
import { useKeys } from "../components/hooks";
import { Value } from "../components/Value";
import { setQuery, useAddress } from "../router";
import { Cards, useCards } from "./Cards";
import { Code } from "./Code";
import { Details } from "./Details";
import { Heading } from "./Heading";
import { Overview } from "./Overview";
import { TaskFilter } from "./TaskFilter";
import { TasksTable } from "./TasksTable";
import { useGraph, useRun } from "./useRun";
import { Why } from "./Why";

const tabs: [string, string][] = [
  ["overview", "Overview"],
  ["tasks", "Tasks"],
  ["details", "Parameters and origin"],
  ["code", "Code"],
  ["cards", "Cards"],
];

export function RunPage({ run: id }: { run: number }) {
  const q = useAddress().searchParams;
  const tab = tabOf(tabs, q.get("tab"));
  const filter = { step: q.get("step") ?? "", status: q.get("status") ?? "", text: q.get("text") ?? "" };
  const live = useRun(id);
  const { run, names, rows, version, turn, connection } = live;
  const graph = useGraph(id, names);
  const r = run.data;
  const runs = r?.status === "running";
  const now = useNow(true, runs ? 1000 : 30_000);
  const cards = useCards(id, tab === "cards" || Boolean(r?.ended), runs ? version : 0, turn);

  useEffect(() => {
    document.title = r ? `${r.flow} / ${id}: ${r.status} – Levada` : `Run ${id} – Levada`;
  }, [r?.status, id]);

  const open = (name: string) => setQuery({ tab: name === "overview" ? undefined : name }, false);
  useKeys([
    { keys: "o", about: "Overview", run: () => open("overview") },
    { keys: "l", about: "Tasks", run: () => open("tasks") },
    { keys: "p", about: "Parameters and origin", run: () => open("details") },
    { keys: "e", about: "Code", run: () => open("code") },
  ]);

  if (run.error && !r) {
    const gone = run.error instanceof Problem && run.error.status === 404;
    return (
      <>
        <nav class="crumbs" aria-label="Breadcrumb">
          <a href="/">Runs</a>
        </nav>
        <h1 style={{ marginBottom: "0.7rem" }}>Run {id}</h1>
        <Failure error={run.error} {...(gone ? {} : { retry: run.again })} />
      </>
    );
  }
  if (!r) return <Skeleton lines={10} />;
  const loading = rows.size === 0 && total(r.tasks) > 0 && !live.error;
  return (
    <>
      <Lost connection={connection} />
      <nav class="crumbs" aria-label="Breadcrumb">
        <a href="/">Runs</a> <span>/</span> <a href={`/?flow=${encodeURIComponent(r.flow)}`}><Value of={r.flow} /></a>
      </nav>
      <Heading
        run={r}
        now={now}
        steps={graph.data ? Object.keys(graph.data.graph.steps) : names}
        gone={connection === "gone"}
        retag={(tags) => run.set((old) => old && { ...old, tags })}
      />
      <Why run={r} />
      {live.error ? <Failure error={live.error} retry={live.again} /> : null}
      <div style={{ margin: "0.9rem 0" }}>
        <Tabs label="Parts of the run" at={tab} choose={open} names={tabs} counts={{ tasks: rows.size || undefined, cards: cards.data?.cards.length }} />
      </div>
      <div role="tabpanel" aria-labelledby={`tab-${tab}`}>
        {tab === "overview" ? <Overview run={r} live={live} graph={graph} loading={loading} filter={filter} now={now} /> : null}
        {tab === "tasks" ? (
          <section class="panel" style={{ padding: 0 }}>
            <div class="row" style={{ padding: "0.6rem" }}>
              <TaskFilter names={names} filter={filter} />
            </div>
            {loading ? <Skeleton /> : <TasksTable run={id} rows={rows} version={version} filter={filter} now={now} />}
          </section>
        ) : null}
        {tab === "details" ? <Details run={r} /> : null}
        {tab === "code" ? <Code run={r} turn={turn} /> : null}
        {tab === "cards" ? <Cards run={id} cards={cards} /> : null}
      </div>
    </>
  );
}
