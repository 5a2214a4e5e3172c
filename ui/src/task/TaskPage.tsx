// A task: why it failed, what it printed, what it made and what it used.

import { useEffect, useRef, useState } from "preact/hooks";
import { address, type Artifact, type Attempt, type Card, get, type Preview, Problem, type Run, type Step, type Task, type TaskRef, timeline, type Usage } from "../api";
import { Failure, Lost, Ran, Skeleton, StatusPill, tabOf, Tabs, useNow, When } from "../components/basic";
import { Chart } from "../components/Chart";
import { useGet, useKeys } from "../components/hooks";
import { marked, Value } from "../components/Value";
import { bytes, duration, exact, number, ofSignal } from "../format";
import { type Connection, listen } from "../live";
import { navigate, setQuery, useAddress } from "../router";
import { Message, Traceback } from "../run/Traceback";
import { CardFrame } from "./CardFrame";
import { LogView } from "./LogView";
import { oneLine, PreviewView } from "./PreviewView";

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
  const siblings = useSiblings(runID, task.data?.step, id);
  const related = useGet<{ parents: TaskRef[]; children: TaskRef[] }>(`${path}/related`);
  const [connection, setConnection] = useState<Connection>("connecting");
  const t = task.data;
  const asked = q.get("attempt");
  const at = t?.attempts.find((a) => String(a.n) === asked) ?? t?.attempts.at(-1);
  const live = at?.status === "running";
  const now = useNow(true, live ? 1000 : 20_000);
  const tab = tabOf(tabs, q.get("tab"));

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
    { keys: "]", about: "Next task of the step", run: () => siblings.next && go(siblings.next) },
    { keys: "[", about: "Previous task of the step", run: () => siblings.previous && go(siblings.previous) },
    { keys: "u", about: "Up to the run", run: () => navigate(`/runs/${runID}`) },
  ]);

  if (!t) {
    return (
      <>
        <nav class="crumbs" aria-label="Where this is">
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
      <nav class="crumbs" aria-label="Where this is">
        <a href="/">Runs</a> <span>/</span>
        <a href={`/runs/${runID}`}>
          <Value of={run.data?.flow ?? "run"} /> / {runID}
        </a>
        <span>/</span>
        <a href={`/runs/${runID}?step=${encodeURIComponent(t.step)}`}>{t.step}</a>
      </nav>
      <div class="row">
        <h1>
          {t.step}/{id}
        </h1>
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
        {siblings.count > 1 ? <Siblings run={runID} step={t.step} of={siblings} go={go} /> : null}
      </div>
      <div class="row muted about" style={{ margin: "0.4rem 0 0.8rem" }}>
        {at ? (
          <>
            <span title={exact(at.started)}>
              started <When at={at.started} now={now} />
            </span>
            <Ran from={at.started} to={at.ended} now={now} status={at.status} />
          </>
        ) : (
          <span>It has not started yet.</span>
        )}
        {(t.stack ?? []).map((f) => (
          <span title={f.count > 1 ? `Counted from 0, as Python does: 0 to ${f.count - 1}` : undefined}>
            {f.gang ? `node ${f.index}` : f.var ? <code>{marked(`${f.var}[${f.index}]`)}</code> : `index ${f.index}`} of {f.count.toLocaleString("en-US")}
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
        />
      </div>
      <div role="tabpanel" aria-labelledby={`tab-${tab}`}>
        {tab === "log" ? (
          at ? (
            <LogView run={runID} task={id} attempt={at.n} live={live} recorded={at.log_lines} key={at.n} />
          ) : (
            <p class="empty panel">It has printed nothing yet.</p>
          )
        ) : null}
        {tab === "artifacts" ? <Artifacts path={path} attempt={asked} version={at?.ended ?? 0} /> : null}
        {tab === "usage" && at ? <UsageView path={path} at={at} now={now} /> : null}
        {tab === "cards" ? <TaskCards path={path} live={live} /> : null}
        {tab === "metadata" ? <Metadata path={path} /> : null}
      </div>
    </>
  );
}

interface Among {
  at: number; // which of the step's tasks this is, from 1
  count: number;
  previous?: number;
  next?: number;
}

// useSiblings tells which tasks of the same step come before and after a task: those of a foreach, a gang or a loop.
function useSiblings(run: number, step: string | undefined, id: number): Among {
  const [ids, setIDs] = useState<number[]>([]);
  const [waiting, setWaiting] = useState(0); // of a foreach that goes on: they have no ids yet
  useEffect(() => {
    if (step === undefined) return;
    const stop = new AbortController();
    const seen = new Set<number>();
    timeline(run, stop.signal, (t) => t.rows.task.forEach((n) => seen.add(n)), step)
      .then(() => setIDs([...seen].sort((a, b) => a - b)))
      .catch(() => {}); // the page is whole without it
    get<{ steps: Step[] }>(`/runs/${run}/steps`, {}, stop.signal)
      .then((r) => setWaiting(r.steps.find((s) => s.name === step)?.counts?.waiting ?? 0))
      .catch(() => {});
    return () => stop.abort();
  }, [run, step]);
  const i = ids.indexOf(id);
  return i < 0 ? { at: 0, count: 0 } : { at: i + 1, count: ids.length + waiting, previous: ids[i - 1], next: ids[i + 1] };
}

function Siblings({ run, step, of, go }: { run: number; step: string; of: Among; go: (to: number) => void }) {
  return (
    <nav class="row" aria-label={`Tasks of ${step}`} style={{ gap: "0.3rem" }}>
      <button class="button" type="button" aria-label="Previous task of the step" title="Previous ( [ )" disabled={!of.previous} onClick={() => go(of.previous!)}>
        ‹
      </button>
      <a href={`/runs/${run}?tab=tasks&step=${encodeURIComponent(step)}`}>
        task {of.at.toLocaleString("en-US")} of {of.count.toLocaleString("en-US")}
      </a>
      <button class="button" type="button" aria-label="Next task of the step" title="Next ( ] )" disabled={!of.next} onClick={() => go(of.next!)}>
        ›
      </button>
    </nav>
  );
}

function Related({ run, refs, word }: { run: number; refs: TaskRef[]; word: string }) {
  if (refs.length === 0) return null;
  const shown = refs.slice(0, 3);
  return (
    <span>
      {word}{" "}
      {shown.map((r, i) => (
        <>
          {i > 0 ? ", " : ""}
          <a href={`/runs/${run}/tasks/${r.id}`}>
            {r.step === "_parameters" ? "the parameters" : `${r.step}/${r.id}`}
          </a>
        </>
      ))}
      {refs.length > shown.length ? (
        <>
          {" "}
          and <a href={`/runs/${run}?tab=tasks&step=${encodeURIComponent(refs[0]!.step)}`}>{(refs.length - shown.length).toLocaleString("en-US")} more</a>
        </>
      ) : null}
    </span>
  );
}

function Failed({ at, run, of }: { at: Attempt; run: number; of: Run | undefined }) {
  if (at.status !== "failed" && at.status !== "killed" && at.status !== "died" && at.status !== "caught") return null;
  const e = at.exception;
  const why =
    at.status === "died" ? (
      <>
        <a href={`/runs/${run}`}>Its run</a> died while it ran.
      </>
    ) : at.signal ? (
      `It was ended by ${ofSignal(at.signal)}.`
    ) : at.exit_code ? (
      `Its process ended with exit code ${at.exit_code}.`
    ) : (
      ""
    );
  return (
    <section class={`note ${at.status === "caught" ? "caught" : "fail"}`} aria-label="What went wrong">
      <strong>{e ? marked(e.type.replace(/^builtins\./, "")) : why}</strong>
      {at.status === "caught" ? <span class="muted"> It was caught, so the run went on.</span> : null}
      {e ? <Message text={e.message} /> : null}
      {e?.traceback ? <Traceback text={e.traceback} said={e.message} folder={of?.working_dir ?? ""} {...(of ? { run: of } : {})} /> : null}
    </section>
  );
}

// useAgain asks anew when what tells of a change is another than it was, and something.
function useAgain(again: () => void, version: number): void {
  const asked = useRef(version);
  useEffect(() => {
    if (version && version !== asked.current) again();
    asked.current = version;
  }, [version]);
}

function Artifacts({ path, attempt, version }: { path: string; attempt: string | null; version: number }) {
  const res = useGet<{ artifacts: Artifact[]; attempt: number; v?: number }>(`${path}/artifacts`, { attempt: attempt ?? undefined });
  const shown = useAddress().searchParams.get("artifact") ?? "";
  useAgain(res.again, version);
  if (res.error) return <Failure error={res.error} retry={res.again} />;
  if (!res.data) return <Skeleton />;
  const list = res.data.artifacts.filter((a) => !a.name.startsWith("_"));
  if (list.length === 0) {
    return (
      <div class="empty panel">
        <h2>No artifacts</h2>
        <p>What a step assigns to self is kept when it has ended, and appears here.</p>
      </div>
    );
  }
  return (
    <section class="panel scroll" style={{ padding: 0 }}>
      <table class="grid artifacts">
        <caption class="hidden">Artifacts</caption>
        <thead>
          <tr>
            <th class="name">Name</th>
            <th>Value</th>
            <th class="wide type">Type</th>
            <th class="num wide size">Size</th>
            <th class="get">
              <span class="hidden">Download</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {list.map((a) => (
            <ArtifactRow key={a.name} a={a} path={`${path}/artifacts/${encodeURIComponent(a.name)}`} attempt={attempt} open={shown === a.name} toggle={() => setQuery({ artifact: shown === a.name ? undefined : a.name })} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function ArtifactRow({ a, path, attempt, open, toggle }: { a: Artifact; path: string; attempt: string | null; open: boolean; toggle: () => void }) {
  const small = a.size <= 256 << 10 || open;
  const p = useGet<Preview>(small ? `${path}/preview` : undefined, { attempt: attempt ?? undefined });
  // What the address names is brought into sight, once it is there.
  const row = useRef<HTMLTableRowElement>(null);
  const clicked = useRef(false);
  useEffect(() => {
    if (open && p.data && !clicked.current) row.current?.scrollIntoView();
  }, [open && !!p.data]);
  return (
    <>
      <tr ref={row}>
        <td>
          <button class="button plain" type="button" aria-expanded={open}
            onClick={() => {
              clicked.current = true;
              toggle();
            }}
            style={{ fontWeight: 600, paddingLeft: 0 }}>
            <span aria-hidden="true">{open ? "▾" : "▸"}</span> <Value of={a.name} />
          </button>
        </td>
        <td>
          <div class={small && !p.error ? "clip mono" : "clip muted"}>{p.data ? <Value of={oneLine(p.data)} /> : p.error ? "not to be shown" : small ? "…" : `${bytes(a.size)}, not loaded`}</div>
        </td>
        <td class="wide mono">{marked(a.type)}</td>
        <td class="num wide">{bytes(a.size)}</td>
        <td>
          <a href={address(path.replace("/api/v1", ""), { attempt: attempt ?? undefined })} download aria-label={`Download ${a.name}`}>
            ⤓
          </a>
        </td>
      </tr>
      {open ? (
        <tr class="opened">
          <td colSpan={5}>{p.error ? <Failure error={p.error} /> : p.data ? <PreviewView p={p.data} path={path} /> : <Skeleton lines={3} />}</td>
        </tr>
      ) : null}
    </>
  );
}

function UsageView({ path, at, now }: { path: string; at: Attempt; now: number }) {
  const res = useGet<Usage>(`${path}/usage`, { attempt: String(at.n) });
  useAgain(res.again, at.ended);
  if (res.error) return <Failure error={res.error} retry={res.again} />;
  const u = res.data;
  if (!u) return <Skeleton />;
  const end = at.ended || now;
  const since = (t: number) => (t - at.started) / 1e6;
  const asked = (value: number, name: string) => (value > 0 ? [{ name, colour: "warn", dashed: true, points: [0, since(end)].map((x) => ({ x, y: value })) }] : []);
  const cpu = u.samples.time.map((t, i) => ({ x: since(t), y: u.samples.cpu[i]! }));
  const memory = u.samples.time.map((t, i) => ({ x: since(t), y: u.samples.memory[i]! }));
  return (
    <div class="stack">
      <section class="panel">
        <dl class="facts">
          <dt>processor time</dt>
          <dd>{u.cpu_seconds || at.ended ? duration(u.cpu_seconds) : "not known yet"}</dd>
          <dt>most memory</dt>
          <dd>
            {u.peak_memory ? bytes(u.peak_memory) : at.ended ? "not measured" : "not known yet"}
            {u.memory_source ? <span class="muted"> by {u.memory_source}</span> : null}
          </dd>
          <dt>asked for</dt>
          <dd>{[u.requested.cpu && `${u.requested.cpu} CPU`, u.requested.memory && bytes(u.requested.memory), u.requested.gpu && `${u.requested.gpu} GPU`].filter(Boolean).join(", ") || "nothing"}</dd>
        </dl>
        {cpu.length > 0 ? (
          <div class="legend" style={{ marginTop: "0.6rem" }}>
            <span>
              <i style={{ background: "var(--accent)" }} /> used
            </span>
            <span>
              <i style={{ background: "var(--warn)" }} /> asked for (dashed)
            </span>
          </div>
        ) : null}
      </section>
      {cpu.length > 0 ? (
        <div class="columns">
          <section class="panel">
            <h2>Processors</h2>
            <Chart zero label={`Cores used over ${duration(since(end))}`} x={onAxis} series={[{ name: "used", colour: "accent", points: cpu, dots: cpu.length < 3 }, ...asked(u.requested.cpu, "asked for")]} />
          </section>
          <section class="panel">
            <h2>Memory</h2>
            <Chart zero label={`Memory used over ${duration(since(end))}`} binary x={onAxis} y={bytes} series={[{ name: "used", colour: "accent", points: memory, dots: memory.length < 3 }, ...asked(u.requested.memory, "asked for")]} />
          </section>
        </div>
      ) : (
        <p class="muted">{at.ended ? "It took less than a second, so there are no samples." : "Samples appear when the task has ended."}</p>
      )}
    </div>
  );
}

const onAxis = (seconds: number) => duration(seconds).replace(".0 s", " s");

function TaskCards({ path, live }: { path: string; live: boolean }) {
  const cards = useGet<{ cards: Card[] }>(`${path}/cards`);
  useAgain(cards.again, Number(!live));
  useEffect(() => {
    if (!live) return;
    const timer = setInterval(cards.again, 5000); // a step may show more of them
    return () => clearInterval(timer);
  }, [live]);
  if (cards.error) return <Failure error={cards.error} retry={cards.again} />;
  if (!cards.data) return <Skeleton />;
  if (cards.data.cards.length === 0) {
    return (
      <div class="empty panel">
        <h2>No cards</h2>
        <p>A step that is decorated with @card makes one.</p>
      </div>
    );
  }
  return (
    <div class="stack">
      {cards.data.cards.map((c) => (
        <CardFrame key={c.uuid} card={c} />
      ))}
    </div>
  );
}

function Metadata({ path }: { path: string }) {
  const res = useGet<{ metadata: { name: string; value: string; attempt: number; created: number }[] }>(`${path}/metadata`);
  if (res.error) return <Failure error={res.error} retry={res.again} />;
  if (!res.data) return <Skeleton />;
  return (
    <section class="panel scroll" style={{ padding: 0 }}>
      <table class="grid">
        <caption class="hidden">Metadata</caption>
        <thead>
          <tr>
            <th>Name</th>
            <th>Value</th>
            <th class="num">Attempt</th>
          </tr>
        </thead>
        <tbody>
          {res.data.metadata.map((m) => (
            <tr>
              <td>{marked(m.name)}</td>
              <td class="mono" style={{ overflowWrap: "anywhere" }}>
                {marked(m.value)}
              </td>
              <td class="num">{number(m.attempt + 1)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
