// A run: its failure first, if there is one, then its graph, timeline, tasks, parameters, code and cards.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { canResume, type Card, get, type Graph, isOurs, type Run, send, type Step, type Task, timeline, type Timeline } from "../api";
import { Copy, copy, Dialog, Failure, Lost, Ran, Skeleton, StatusPill, tabOf, Tabs, TaskBar, toast, toastError, useNow, When } from "../components/basic";
import { useGet, useKeys } from "../components/hooks";
import { marked, Value } from "../components/Value";
import { bytes, exact, ofSignal, plural, visible } from "../format";
import { type Connection, listen } from "../live";
import { navigate, setQuery, useAddress } from "../router";
import { CardFrame } from "../task/CardFrame";
import { Code } from "./Code";
import { Dag } from "./Dag";
import { isFiltered, isTaken, Rows, shown } from "./rows";
import { Tags } from "./Tags";
import { TasksTable } from "./TasksTable";
import { TimelineView } from "./TimelineView";
import { Message, Traceback } from "./Traceback";

const TABS: [string, string][] = [
  ["overview", "Overview"],
  ["tasks", "Tasks"],
  ["details", "Parameters and origin"],
  ["code", "Code"],
  ["cards", "Cards"],
];

export function RunPage({ run: id }: { run: number }) {
  const q = useAddress().searchParams;
  const tab = tabOf(TABS, q.get("tab"));
  const filter = { step: q.get("step") ?? "", status: q.get("status") ?? "", text: q.get("text") ?? "" };
  const run = useGet<Run>(`/runs/${id}`);
  const graph = useGet<{ graph: Graph }>(`/runs/${id}/graph`);
  const [steps, setSteps] = useState<Step[]>([]);
  const rows = useMemo(() => new Rows(), [id]);
  const [version, setVersion] = useState(0);
  const [turn, setTurn] = useState(0);
  const [connection, setConnection] = useState<Connection>("connecting");
  const [error, setError] = useState<unknown>();
  const [dialog, setDialog] = useState<"" | "cancel" | "resume">("");
  const r = run.data;
  const live = r?.status === "running";
  const now = useNow(true, live ? 1000 : 30_000);
  const since = r?.origin ? r.created : 0; // what a run that resumes another took over ran before
  const there = useMemo(() => {
    const found = new Set<string>();
    for (const list of rows.byTask.values()) for (const row of list) if (row.attempt >= 0) found.add(isTaken(row, since) ? taken : row.status);
    return found;
  }, [rows, version, since]);
  const names = steps.filter((s) => s.name !== "_parameters").map((s) => s.name);

  // What changed before one's eyes is said to those who do not see it, and what had the focus may be gone with it.
  const title = useRef<HTMLHeadingElement>(null);
  const cancelled = useRef(false); // here
  const before = useRef(r?.status);
  const [news, setNews] = useState("");
  useLayoutEffect(() => {
    if (before.current === "running" && r && !live) {
      setNews(`Run ${id}: ${r.status}`);
      if (cancelled.current && document.activeElement === document.body) title.current?.focus({ preventScroll: true });
    }
    before.current = r?.status;
  }, [r?.status]);

  useEffect(() => {
    document.title = r ? `${r.flow} / ${id}: ${r.status} – Levada` : `Run ${id} – Levada`;
  }, [r?.status, id]);

  // The events are listened to first; the server says "reset" when everything that comes later is told, and then all is fetched.
  useEffect(() => {
    const source = listen(
      `/api/v1/runs/${id}/events`,
      {
        reset: () => setTurn((n) => n + 1),
        run: (next: Run) => run.set((old) => ({ ...next, tasks: next.tasks ?? old?.tasks }) as Run),
        steps: (next: { steps: Step[] }) => setSteps(next.steps),
        rows: (t: Timeline) => {
          rows.add(t);
          setVersion(rows.version);
        },
      },
      setConnection,
    );
    return () => source.close();
  }, [id]);

  useEffect(() => {
    if (turn === 0) return;
    const stop = new AbortController();
    const fail = (err: unknown) => {
      if (!stop.signal.aborted) setError(err);
    };
    setError(undefined);
    if (turn > 1) run.again();
    get<{ steps: Step[] }>(`/runs/${id}/steps`, {}, stop.signal)
      .then((res) => setSteps(res.steps))
      .catch(fail);
    timeline(id, stop.signal, (t) => {
      rows.add(t);
      setVersion(rows.version);
    }).catch(fail);
    return () => stop.abort();
  }, [turn, id]);

  // The graph of a run of Metaflow may come only after its first tasks.
  const drawn = graph.data?.graph.steps ?? {};
  const asked = Boolean(graph.data || graph.error);
  useEffect(() => {
    if (asked && names.some((n) => !drawn[n])) graph.again();
  }, [names.join(), asked]);

  useKeys([
    { keys: "o", about: "Overview", run: () => setQuery({ tab: undefined }, false) },
    { keys: "l", about: "List of tasks", run: () => setQuery({ tab: "tasks" }, false) },
    { keys: "p", about: "Parameters and origin", run: () => setQuery({ tab: "details" }, false) },
    { keys: "e", about: "Code", run: () => setQuery({ tab: "code" }, false) },
  ]);

  if (run.error && !r) {
    return (
      <>
        <nav class="crumbs" aria-label="Where this is">
          <a href="/">Runs</a>
        </nav>
        <h1 style={{ marginBottom: "0.7rem" }}>Run {id}</h1>
        <Failure error={run.error} retry={run.again} />
      </>
    );
  }
  if (!r) return <Skeleton lines={10} />;
  const hasGraph = !graph.error && (!graph.data || Object.keys(graph.data.graph.steps).length > 0);
  return (
    <>
      <Lost connection={connection} />
      <nav class="crumbs" aria-label="Where this is">
        <a href="/">Runs</a> <span>/</span> <a href={`/?flow=${encodeURIComponent(r.flow)}`}><Value of={r.flow} /></a>
      </nav>
      <p class="hidden" role="status">
        {news}
      </p>
      <div class="row spread">
        <div class="row">
          <div class="row named">
            <h1 ref={title} tabIndex={-1}>
              <Value of={r.flow} /> / {id}
            </h1>
            <Copy text={String(id)} what="the number of the run" />
          </div>
          <StatusPill status={r.status} />
          <TaskBar counts={r.tasks} over={!live} />
          {r.tasks?.caught ? (
            <a href={`/runs/${id}?tab=tasks&status=caught`} title="Their steps raised what @catch took">
              {r.tasks.caught.toLocaleString("en-US")} caught
            </a>
          ) : null}
        </div>
        <div class="row">
          <a class="button" href={`/flows/${encodeURIComponent(r.flow)}/metrics`}>
            Metrics
          </a>
          {live && isOurs(r) && connection !== "gone" ? (
            <button class="button danger" type="button" onClick={() => setDialog("cancel")}>
              Cancel
            </button>
          ) : null}
          {!live && canResume(r) && connection !== "gone" ? (
            <button class="button" type="button" onClick={() => setDialog("resume")}>
              Resume
            </button>
          ) : null}
        </div>
      </div>
      <div class="row muted" style={{ margin: "0.4rem 0 0.8rem" }}>
        <span class="row apart">
          <span>
            started <When at={r.created} now={now} /> by <Value of={r.user} />
          </span>
          <Ran from={r.created} to={r.ended} now={now} status={r.status} />
          {r.git_commit ? (
            <span>
              commit <code title={r.git_commit}>{r.git_commit.slice(0, 10)}</code>
              <Copy text={r.git_commit} what="the commit" />
              {r.git_dirty ? " with changes" : ""}
            </span>
          ) : null}
          {r.origin ? (
            <span>
              resumes <a href={`/runs/${r.origin}`}>run {r.origin}</a>
              {r.resumed ? ` at ${r.resumed}` : ""}
            </span>
          ) : null}
          {r.project ? (
            <span>
              project <Value of={r.project} />, branch <Value of={r.branch ?? ""} />
            </span>
          ) : null}
        </span>
        <Tags run={r} changed={(tags) => run.set((old) => old && { ...old, tags })} />
      </div>
      {r.status === "interrupted" ? <Interrupted run={r} /> : null}
      {r.failed_task >= 0 ? <FirstFailure run={r} /> : r.problem && r.status !== "succeeded" && r.status !== "interrupted" ? (
        <div class="note fail">
          <Message text={r.problem} />
        </div>
      ) : null}
      {r.status === "died" ? <Died run={r} /> : null}
      {error ? <Failure error={error} retry={() => setTurn((n) => n + 1)} /> : null}
      <div style={{ margin: "0.9rem 0" }}>
        <Tabs
          label="Parts of the run"
          at={tab}
          choose={(name) => setQuery({ tab: name === "overview" ? undefined : name }, false)}
          names={TABS}
        />
      </div>
      <div role="tabpanel" aria-labelledby={`tab-${tab}`}>
        {tab === "overview" ? (
          <div class={hasGraph ? "overview" : undefined}>
            {hasGraph ? (
              <section class="panel" aria-label="Graph">
                <div class="row spread">
                  <h2>Graph</h2>
                  {filter.step ? (
                    <button class="button plain" type="button" onClick={() => setQuery({ step: undefined })}>
                      Show all steps
                    </button>
                  ) : null}
                </div>
                {graph.data ? <Dag run={id} status={r.status} graph={graph.data.graph} steps={steps} chosen={filter.step} choose={(step) => setQuery({ step })} /> : <Skeleton />}
              </section>
            ) : null}
            <section class="panel">
              <div class="row spread" style={{ marginBottom: "0.4rem" }}>
                <h2>Timeline</h2>
                <FilterBar names={names} filter={filter} />
              </div>
              {rows.size > 0 ? (
                <TimelineView run={id} rows={rows} version={version} filter={filter} now={now} since={since} drawn={ready} />
              ) : (
                <p class="muted">{steps.length > 1 ? "Loading…" : "No task has started yet."}</p>
              )}
              <div class="legend" style={{ marginTop: "0.5rem" }}>
                {legend
                  .filter(([, , statuses]) => statuses.some((s) => there.has(s)))
                  .map(([name, text]) => (
                    <span key={name}>
                      <i style={{ background: `var(--${name})` }} />
                      {text}
                    </span>
                  ))}
                {there.has(taken) ? (
                  <span>
                    <i class="hollow" />
                    taken over{r.origin ? ` from run ${r.origin}` : ""}
                  </span>
                ) : null}
                <span>{isFiltered(filter) ? `${shown(rows, filter).toLocaleString("en-US")} of ${plural(rows.size, "task")}` : plural(rows.size, "task")}</span>
              </div>
            </section>
          </div>
        ) : null}
        {tab === "tasks" ? (
          <section class="panel" style={{ padding: 0 }}>
            <div class="row" style={{ padding: "0.6rem" }}>
              <FilterBar names={names} filter={filter} />
            </div>
            <TasksTable run={id} rows={rows} version={version} filter={filter} now={now} />
          </section>
        ) : null}
        {tab === "details" ? <Details run={r} /> : null}
        {tab === "code" ? <Code run={r} turn={turn} /> : null}
        {tab === "cards" ? <Cards run={id} version={live ? version : 0} turn={turn} /> : null}
      </div>
      {dialog === "cancel" ? (
        <Dialog title={`Cancel run ${id}?`} close={() => setDialog("")}>
          <p>Its tasks are asked to end, as with Ctrl-C. What is finished is kept; the run can be resumed.</p>
          <div class="row">
            <button
              class="button danger"
              type="button"
              onClick={() => {
                setDialog("");
                cancelled.current = true;
                send("POST", `/runs/${id}/cancel`, {}).then(() => toast("The run was asked to end"), toastError);
              }}
            >
              Cancel it
            </button>
            <button class="button" type="button" onClick={() => setDialog("")}>
              Leave it running
            </button>
          </div>
        </Dialog>
      ) : null}
      {dialog === "resume" ? <Resume run={r} steps={graph.data ? Object.keys(graph.data.graph.steps) : names} close={() => setDialog("")} /> : null}
    </>
  );
}

// What the timeline's colours mean, and of which statuses.
const legend: [string, string, string[]][] = [
  ["ok", "succeeded", ["succeeded"]],
  ["run", "running", ["running"]],
  ["caught", "caught, struck", ["caught"]],
  ["fail", "failed or died, crossed", ["failed", "died"]],
  ["warn", "killed", ["killed", "interrupted"]],
];
const taken = "taken over";

// ready marks, for whoever measures, when the timeline was there first.
function ready(): void {
  if (performance.getEntriesByName("timeline").length === 0) performance.mark("timeline");
}

function FilterBar({ names, filter }: { names: string[]; filter: { step: string; status: string; text: string } }) {
  return (
    <span class="row" role="search">
      <select class="input" aria-label="Step" value={filter.step} onChange={(e) => setQuery({ step: e.currentTarget.value })}>
        <option value="">all steps</option>
        {[...new Set([...names, filter.step])].filter(Boolean).map((n) => (
          <option value={n}>{n}</option>
        ))}
      </select>
      <select class="input" aria-label="Status" value={filter.status} onChange={(e) => setQuery({ status: e.currentTarget.value })}>
        <option value="">any status</option>
        {["running", "succeeded", "failed", "caught", "killed", "died"].map((s) => (
          <option value={s}>{s}</option>
        ))}
      </select>
      <input class="input" type="search" placeholder="Task or foreach value" aria-label="Task or foreach value" value={filter.text} onInput={(e) => setQuery({ text: e.currentTarget.value })} />
    </span>
  );
}

function FirstFailure({ run: r }: { run: Run }) {
  const task = useGet<Task>(`/runs/${r.id}/tasks/${r.failed_task}`);
  const at = task.data?.attempts.at(-1);
  const others = (r.tasks?.failed ?? 0) - 1;
  return (
    <section class="note fail" aria-label="Why it failed">
      <div class="row spread">
        <strong class="what">
          {task.data ? (
            <a href={`/runs/${r.id}/tasks/${r.failed_task}`}>
              {task.data.step}/{r.failed_task}
            </a>
          ) : (
            `task ${r.failed_task}`
          )}
          {task.data ? <Copy text={`${r.id}/${task.data.step}/${r.failed_task}`} what="how commands name the task" /> : null} failed
          {task.data && task.data.attempts.length > 1 ? ` ${task.data.attempts.length} times` : ""}
          {at?.exception ? `: ${visible(at.exception.type)}` : at?.signal ? `: ended by ${ofSignal(at.signal)}` : ""}
        </strong>
        <a class="button" href={`/runs/${r.id}/tasks/${r.failed_task}`}>
          Its log
        </a>
      </div>
      {at?.exception ? (
        <>
          <Message text={at.exception.message} />
          {at.exception.traceback ? <Traceback text={at.exception.traceback} said={at.exception.message} folder={r.working_dir} run={r} /> : null}
        </>
      ) : r.problem ? (
        <Message text={r.problem} />
      ) : null}
      {others > 0 ? (
        <p style={{ margin: "0.5rem 0 0" }}>
          and <a href={`/runs/${r.id}?tab=tasks&status=failed`}>{others === 1 ? "one more failed task" : `${others.toLocaleString("en-US")} more failed tasks`}</a>
        </p>
      ) : null}
    </section>
  );
}

function Interrupted({ run: r }: { run: Run }) {
  return (
    <div class="note warn">
      {r.stop_asked ? (
        <>
          It was cancelled: somebody asked for its end on a page or by <code>levada cancel</code>, at {exact(r.stop_asked)}.
        </>
      ) : (
        "It was interrupted where it ran, as by Ctrl-C or by its terminal that was closed."
      )}
      {canResume(r) ? " What was finished is kept: resume goes on from there." : " What was finished is kept."}
    </div>
  );
}

function Died({ run: r }: { run: Run }) {
  if (!isOurs(r)) {
    return (
      <div class="note fail">
        Metaflow ran it, and has not been heard of any more: its process is gone, or does not reach this server. What was recorded is kept. It is
        resumed where it ran: <code>python {r.flow_file || "FLOW.py"} resume --origin-run-id {r.id}</code>
      </div>
    );
  }
  return (
    <div class="note fail">
      The process that ran it is gone; it ended without saying so, as after a power cut or <code>kill -9</code>.
      {canResume(r) ? " What was finished is safe: resume goes on from there." : " What was recorded is kept."}
    </div>
  );
}

function Resume({ run: r, steps, close }: { run: Run; steps: string[]; close: () => void }) {
  const [step, setStep] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const go = () => {
    setBusy(true);
    setError(undefined);
    send<{ run: number }>("POST", `/runs/${r.id}/resume`, { step })
      .then((res) => {
        close();
        toast(`Run ${res.run} goes on`);
        navigate(`/runs/${res.run}`);
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <Dialog title={`Resume run ${r.id}`} close={close}>
      <p>A new run takes over what is finished and runs what is left, with the code as it is now in {r.working_dir}.</p>
      <p>
        <label>
          Begin at{" "}
          <select class="input" value={step} onChange={(e) => setStep(e.currentTarget.value)}>
            <option value="">what is left</option>
            {steps.map((s) => (
              <option value={s}>{s}, and all after it</option>
            ))}
          </select>
        </label>
      </p>
      {error ? <Failure error={error} /> : null}
      <div class="row" style={{ marginTop: "0.8rem" }}>
        <button class="button primary" type="button" disabled={busy} onClick={go}>
          {busy ? "Starting…" : "Resume"}
        </button>
        <button class="button" type="button" onClick={close}>
          Cancel
        </button>
      </div>
    </Dialog>
  );
}

function Details({ run: r }: { run: Run }) {
  const command = r.command_line.map((w) => (/^[\w./=:,@%+-]+$/.test(w) ? w : `'${w.replaceAll("'", "'\\''")}'`)).join(" ");
  const parameters = Object.entries(r.parameters ?? {});
  const facts: [string, string | undefined][] = [
    ["started", exact(r.created)],
    ["ended", r.status === "died" ? `not known; it was heard of last at ${exact(r.ended)}` : r.ended ? exact(r.ended) : "not yet"],
    ["host", r.host],
    ["folder", r.working_dir],
    ["flow file", r.flow_file],
    ["language", `${r.language} ${r.runtime}`],
    ["interpreter", r.interpreter],
    ["Levada", r.levada],
    ["SDK", r.sdk],
    ["git commit", r.git_commit ? r.git_commit + (r.git_dirty ? ", with changes that are not committed" : "") : undefined],
    ["code package", r.code],
    ["workers", r.max_workers ? String(r.max_workers) : undefined],
    ["isolation", r.isolation],
    ["namespace", r.namespace],
    ["system tags", r.system_tags.join(", ")],
  ];
  return (
    <div class="columns">
      <section class="panel">
        <h2>Parameters</h2>
        {parameters.length === 0 ? <p class="muted">This flow has none.</p> : null}
        <dl class="facts">
          {parameters.map(([name, value]) => [
            <dt>
              <Value of={name} />
            </dt>,
            <dd>
              <pre>{marked(value)}</pre>
            </dd>,
          ])}
        </dl>
      </section>
      <section class="panel">
        <div class="row spread">
          <h2>Where it came from</h2>
          {command ? (
            <button class="button" type="button" onClick={() => copy(command).catch(toastError)}>
              Copy the command
            </button>
          ) : null}
        </div>
        {command ? (
          <pre class="trace" tabIndex={0} style={{ whiteSpace: "pre-wrap", margin: "0.6rem 0" }}>
            {marked(command)}
          </pre>
        ) : null}
        <dl class="facts">{facts.map(([name, value]) => (value ? [<dt>{name}</dt>, <dd>{marked(value)}</dd>] : null))}</dl>
      </section>
    </div>
  );
}

const cardsEvery = 1000; // ms between two looks for new cards, of a run that goes on

// version and turn change when tasks do, and when the server is there again.
function Cards({ run, version, turn }: { run: number; version: number; turn: number }) {
  const cards = useGet<{ cards: Card[] }>(`/runs/${run}/cards`);
  const chosen = useAddress().searchParams.get("card");
  const list = cards.data?.cards ?? [];
  const asked = useRef(`${version}/${turn}`);
  useEffect(() => {
    if (asked.current === `${version}/${turn}`) return;
    asked.current = `${version}/${turn}`;
    const timer = setTimeout(cards.again, cardsEvery);
    return () => clearTimeout(timer);
  }, [version, turn]);
  if (cards.error) return <Failure error={cards.error} retry={cards.again} />;
  if (!cards.data) return <Skeleton />;
  if (list.length === 0) {
    return (
      <div class="empty panel">
        <h2>This run has no cards</h2>
        <p>A step with a card shows what it made as a page:</p>
        <pre>{"@card\n@step\ndef train(self):"}</pre>
      </div>
    );
  }
  const card = list.find((c) => c.uuid === chosen) ?? list[0]!;
  return (
    <div class="stack">
      <div class="row">
        <label>
          Card{" "}
          <select class="input" value={card.uuid} onChange={(e) => setQuery({ card: e.currentTarget.value })}>
            {list.map((c) => (
              <option key={c.uuid} value={c.uuid}>
                {c.step}/{c.task} {visible(c.id ?? c.type)} ({bytes(c.size)})
              </option>
            ))}
          </select>
        </label>
        <a class="button" href={`/runs/${run}/tasks/${card.task}`}>
          Its task
        </a>
      </div>
      <CardFrame card={card} />
    </div>
  );
}
