// A task: why it failed, what it printed, what it made and what it used.

import { useEffect, useState } from "preact/hooks";
import { Problem, type Run, type Siblings as Among, type Task, type TaskRef } from "../api";
import { Copy, Failure, Lost, Ran, Skeleton, StatusPill, tabOf, Tabs, useNow, When } from "../components/basic";
import { useGet, useKeys } from "../components/hooks";
import { marked, Value } from "../components/Value";
import { exact, number } from "../format";
import { type Connection, listen } from "../live";
import { navigate, setQuery, useAddress } from "../router";
import { Artifacts, useArtifacts } from "./Artifacts";
import { Failed } from "./Failed";
import { LogView } from "./LogView";
import { Metadata } from "./Metadata";
import { Related, Siblings } from "./Siblings";
import { TaskCards, useCards } from "./TaskCards";
import { UsageView } from "./UsageView";

const tabs: [string, string][] = [
  ["log", "Log"],
  ["artifacts", "Artifacts"],
  ["usage", "Usage"],
  ["cards", "Cards"],
  ["metadata", "Metadata"],
];

export function TaskPage({ run: runID, task: id }: { run: number; task: number }) {
  const q = useAddress().searchParams;
  const path = `/runs/${runID}/tasks/${id}`;
  const run = useGet<Run>(`/runs/${runID}`);
  const task = useGet<Task>(path);
  const siblings = useGet<Among>(`${path}/siblings`);
  const related = useGet<{ parents: TaskRef[]; children: TaskRef[] }>(`${path}/related`);
  const [connection, setConnection] = useState<Connection>("connecting");
  const t = task.data;
  const asked = q.get("attempt");
  const at = t?.attempts.find((a) => String(a.n) === asked) ?? t?.attempts.at(-1);
  const live = at?.status === "running";
  const now = useNow(true, live ? 1000 : 20_000);
  const tab = tabOf(tabs, q.get("tab"));

  // What a task that runs has is asked for where it is looked at: until its end, the counts would be wrong.
  const ended = Boolean(at?.ended);
  const artifacts = useArtifacts(path, asked, ended || (at !== undefined && tab === "artifacts"), at?.ended);
  const cards = useCards(path, ended || (at !== undefined && tab === "cards"), live);

  const gone = !t && task.error instanceof Problem && task.error.status === 404;
  useEffect(() => {
    document.title = `${t ? `${t.step}/${id}` : gone ? `No task ${id}` : `Task ${id}`} of run ${runID} – Levada`;
  }, [t?.step, gone]);

  // The run tells when something has changed; of a task, its log says when it has ended.
  useEffect(() => {
    let fresh = true;
    const source = listen(
      `/api/v1/runs/${runID}/events`,
      {
        rows: (rows: { rows: { task: number[] } }) => {
          if (!rows.rows.task.includes(id)) return;
          task.again();
          related.again();
          siblings.again();
        },
        run: (r: Run) => run.set((old) => ({ ...old, ...r })),
        reset: () => {
          if (!fresh) task.again();
          fresh = false;
        },
      },
      setConnection,
    );
    return () => source.close();
  }, [runID, id]);

  const go = (to: number) => {
    const same = new URLSearchParams();
    for (const name of tab === "log" ? [] : tab === "artifacts" ? ["tab", "artifact"] : ["tab"]) if (q.get(name)) same.set(name, q.get(name)!);
    navigate(`/runs/${runID}/tasks/${to}${same.size ? `?${same}` : ""}`);
  };
  useKeys([
    { keys: "]", about: "Next task of the step", run: () => siblings.data?.next && go(siblings.data.next) },
    { keys: "[", about: "Previous task of the step", run: () => siblings.data?.previous && go(siblings.data.previous) },
    { keys: "u", about: "Up to the run", run: () => navigate(`/runs/${runID}`) },
  ]);

  if (!t) {
    return (
      <>
        <nav class="crumbs" aria-label="Breadcrumb">
          <a href="/">Runs</a> <span>/</span> <a href={`/runs/${runID}`}>run {runID}</a>
        </nav>
        <h1 style={{ marginBottom: "0.7rem" }}>Task {id}</h1>
        {task.error ? <Failure error={task.error} {...(gone ? {} : { retry: task.again })} /> : <Skeleton lines={10} />}
      </>
    );
  }
  return (
    <>
      <Lost connection={connection} />
      <nav class="crumbs" aria-label="Breadcrumb">
        <a href="/">Runs</a> <span>/</span>
        <a href={`/runs/${runID}`}>
          <Value of={run.data?.flow ?? "run"} /> / {runID}
        </a>
        <span>/</span>
        <a href={`/runs/${runID}?step=${encodeURIComponent(t.step)}`}>{t.step}</a>
      </nav>
      <div class="row">
        <div class="row named">
          <h1>
            {t.step}/{id}
          </h1>
          <Copy text={`${runID}/${t.step}/${id}`} what="the task for a command" />
        </div>
        {at ? <StatusPill status={at.status} /> : <StatusPill status="pending" />}
        {t.attempts.length > 1 ? (
          <span class="row" role="group" aria-label="Attempts" style={{ gap: "0.25rem" }}>
            {t.attempts.map((a) => (
              <button class="button" type="button" aria-pressed={a === at} onClick={() => setQuery({ attempt: String(a.n) })}>
                attempt {a.n + 1}: {a.status}
              </button>
            ))}
          </span>
        ) : null}
        <span class="grow" />
        {siblings.data && siblings.data.count > 1 ? <Siblings run={runID} step={t.step} of={siblings.data} go={go} /> : null}
      </div>
      <div class="row muted about apart" style={{ margin: "0.4rem 0 0.8rem" }}>
        {at ? (
          <>
            <span title={exact(at.started)}>
              started <When at={at.started} now={now} />
            </span>
            <Ran from={at.started} to={at.ended} now={now} status={at.status} />
          </>
        ) : (
          <span>not started yet</span>
        )}
        {(t.stack ?? []).map((f) => (
          <span title={f.count > 1 ? `Counted from 0, as Python does: 0 to ${number(f.count - 1)}` : undefined}>
            {f.gang ? `node ${number(f.index)}` : f.var ? <code>{marked(`${f.var}[${f.index}]`)}</code> : `index ${number(f.index)}`} of {number(f.count)}
          </span>
        ))}
        {at?.value ? (
          <span>
            value{" "}
            <code>
              <Value of={at.value} />
            </code>
          </span>
        ) : null}
        {t.iteration ? <span>iteration {t.iteration}</span> : null}
        {t.origin ? (
          <span>
            ran in <a href={`/runs/${t.origin}/tasks/${id}`}>run {t.origin}</a> and was taken over
          </span>
        ) : null}
        <Related run={runID} refs={related.data?.parents ?? []} word="after" />
        <Related run={runID} refs={related.data?.children ?? []} word="before" />
      </div>
      {at ? <Failed at={at} run={runID} of={run.data} /> : null}
      <div style={{ margin: "0.9rem 0" }}>
        <Tabs
          label="Parts of the task"
          at={tab}
          choose={(name) => setQuery({ tab: name === "log" ? undefined : name })}
          names={tabs}
          counts={{ artifacts: artifacts.data?.length, cards: cards.data?.cards.length }}
        />
      </div>
      <div role="tabpanel" aria-labelledby={`tab-${tab}`}>
        {at || tab === "metadata" ? null : <p class="empty panel">The task has not started yet.</p>}
        {tab === "log" && at ? <LogView run={runID} task={id} attempt={at.n} live={live} recorded={at.log_lines} key={at.n} /> : null}
        {tab === "artifacts" && at ? <Artifacts path={path} attempt={asked} stored={artifacts} /> : null}
        {tab === "usage" && at ? <UsageView path={path} at={at} now={now} /> : null}
        {tab === "cards" && at ? <TaskCards cards={cards} failed={at.status === "failed" || at.status === "killed" || at.status === "died"} /> : null}
        {tab === "metadata" ? <Metadata path={path} /> : null}
      </div>
    </>
  );
}
