// Several runs side by side: how they went, their parameters, and what they ended with.

import { Fragment } from "preact";
import { useEffect, useState } from "preact/hooks";
import { address, type Artifact, get, type Graph, isAway, isGiven, lastTask, type Preview, Problem, type Run, type Step, type TaskRef } from "../api";
import { Copy, Failure, Skeleton, StatusPill, Took, useNow, When } from "../components/basic";
import { Chart } from "../components/Chart";
import { retryAfter } from "../components/hooks";
import { Sideways } from "../components/Sideways";
import { marked, Value, worded } from "../components/Value";
import { number, plural } from "../format";
import { setQuery, useAddress } from "../router";
import { apart, type Cell, placeOf, type Shown, seen, together, toSee } from "./apart";
import { CodeDiff } from "./CodeDiff";
import { mostCompared } from "./RunsPage";
import { missing, parts, written } from "./unlike";

interface Side {
  run: Run;
  task?: TaskRef; // whose artifacts these are
  artifacts: Map<string, Artifact>;
}

const colours = ["accent", "fail", "ok", "warn", "run", "text", "text-muted", "accent"];

async function load(id: number, signal: AbortSignal): Promise<Side> {
  const [run, steps, end] = await Promise.all([
    get<Run>(`/runs/${id}`, {}, signal),
    get<{ steps: Step[] }>(`/runs/${id}/steps`, {}, signal),
    get<{ graph: Graph }>(`/runs/${id}/graph`, {}, signal).then(
      (g) => g.graph.end_step,
      () => undefined, // no graph is known of it
    ),
  ]);
  const task = lastTask(steps.steps, end);
  if (task === undefined) return { run, artifacts: new Map() };
  const res = await get<{ artifacts: Artifact[] }>(`/runs/${id}/tasks/${task.id}/artifacts`, {}, signal);
  return { run, task, artifacts: new Map(res.artifacts.map((a) => [a.name, a])) };
}

function unlessMissing(err: unknown): undefined {
  if (!(err instanceof Problem && err.status === 404)) throw err;
}

const pathOf = (s: Side, name: string) => `/runs/${s.run.id}/tasks/${s.task!.id}/artifacts/${encodeURIComponent(name)}`;

// previewOf asks for one of many previews. If it fails, the others are shown all the same; a server that is away has none of them.
async function previewOf(s: Side, name: string, signal: AbortSignal): Promise<Shown> {
  if (!s.artifacts.has(name)) return undefined;
  return get<Preview>(`${pathOf(s, name)}/preview`, {}, signal).catch((err: unknown) => {
    if (err instanceof Problem && !isAway(err)) return err;
    throw err;
  });
}

export function ComparePage({ runs: asked }: { runs: number[] }) {
  const runs = [...new Set(asked)].slice(0, mostCompared);
  const [sides, setSides] = useState<Side[]>();
  const [turn, setTurn] = useState(0);
  const again = () => setTurn((n) => n + 1);
  const [previews, setPreviews] = useState<Map<string, Shown[]>>(new Map());
  const [error, setError] = useState<unknown>();
  const only = useAddress().searchParams.get("only") === "differences";
  const now = useNow(true);
  useEffect(() => {
    document.title = `Runs ${runs.join(", ")} compared – Levada`;
    const stop = new AbortController();
    const go = async () => {
      const all = (await Promise.all(runs.map((id) => load(id, stop.signal).catch(unlessMissing)))).filter((s) => s !== undefined);
      setSides(all);
      // What a run was given is among its parameters already.
      const given = (s: Side, name: string) => !s.artifacts.has(name) || isGiven(name, s.run.parameters);
      const names = [...new Set(all.flatMap((s) => [...s.artifacts.keys()]))].filter((n) => !n.startsWith("_") && !all.every((s) => given(s, n))).sort((a, b) => a.localeCompare(b));
      const rows = names.map(async (name) => [name, await Promise.all(all.map((s) => previewOf(s, name, stop.signal)))] as const);
      setPreviews(new Map(await Promise.all(rows)));
      setError(undefined);
    };
    let retry = 0;
    go().catch((err: unknown) => {
      if (stop.signal.aborted) return;
      setError(err);
      if (isAway(err)) retry = window.setTimeout(again, retryAfter);
    });
    return () => {
      stop.abort();
      clearTimeout(retry);
    };
  }, [turn]);
  if (runs.length < 2) {
    return (
      <div class="empty panel">
        <h1>Select two or more runs</h1>
        <p>
          In <a href="/">the list of runs</a>, select the runs that you want to compare.
        </p>
      </div>
    );
  }
  const crumbs = (
    <nav class="crumbs" aria-label="Breadcrumb">
      <a href="/">Runs</a>
    </nav>
  );
  if (error) {
    return (
      <>
        {crumbs}
        <h1 style={{ marginBottom: "0.7rem" }}>Runs {runs.join(", ")} compared</h1>
        <Failure error={error} retry={again} />
      </>
    );
  }
  if (!sides) return <Skeleton lines={10} />;
  const absent = runs.filter((id) => !sides.some((s) => s.run.id === id));
  const all = sides.map((s) => s.run);
  const differ = (list: unknown[]) => list.some((v) => v !== list[0]);
  const facts: [string, (r: Run) => string][] = [
    ["flow", (r) => r.flow],
    ["user", (r) => r.user],
    ["git commit", (r) => (r.git_commit ? r.git_commit.slice(0, 12) + (r.git_dirty ? " with uncommitted changes" : "") : "")],
    ["code", (r) => (r.code ?? "").slice(0, 12)],
    ["language", (r) => `${r.language} ${r.runtime}`],
    ["host", (r) => r.host],
    ["tags", (r) => r.tags.join(", ")],
  ];
  const parameters = [...new Set(all.flatMap((r) => Object.keys(r.parameters ?? {})))].sort();
  const numbers = [...previews].map(([name, list]) => ({ name, values: barsOf(all, list) })).filter(({ values }) => differ(values.map((v) => v.value)));
  const hashesOf = (name: string) => sides.map((s) => s.artifacts.get(name)?.hash);
  const curves = [...previews].map(([name, list]) => [name, list.map(seen)] as const).filter(([name, list]) => (!only || differ(hashesOf(name))) && list.filter((p) => p?.kind === "array" && (p.values?.length ?? 0) > 1).length > 1);
  const row = (name: string, values: unknown[], cells: Cell[]) => {
    const unlike = differ(values);
    if (only && !unlike) return null;
    return (
      <tr key={name}>
        <th scope="row">
          <Value of={name} />
          {unlike ? (
            <span class="unlike" title="Not the same in all runs">
              {" "}
              ≠
            </span>
          ) : null}
        </th>
        {unlike ? <Unlike cells={cells} sides={sides} /> : cells.map((c, i) => <Alike cell={c} side={sides[i]!} />)}
      </tr>
    );
  };
  const head = (text: string) => (
    <tr class="group">
      <td colSpan={all.length + 1}>{text}</td>
    </tr>
  );
  return (
    <>
      {crumbs}
      <div class="row spread" style={{ marginBottom: "0.7rem" }}>
        <h1>{all.length === 0 ? "Nothing to compare" : `${plural(all.length, "run")} compared`}</h1>
        {all.length > 1 ? (
          <button class="button" type="button" aria-pressed={only} onClick={() => setQuery({ only: only ? undefined : "differences" })}>
            Only differences
          </button>
        ) : null}
      </div>
      {absent.length ? (
        <div class="note warn" role="status" style={{ marginBottom: "0.7rem" }}>
          {absent.length === 1 ? `Run ${absent[0]} does not exist or was removed.` : `Runs ${absent.join(", ")} do not exist or were removed.`}
        </div>
      ) : null}
      {all.length > 0 ? (
        <Sideways label="Runs side by side">
          <table class="grid compared">
            <thead>
              <tr>
                <th scope="col">
                  <span class="hidden">What is compared</span>
                </th>
                {all.map((r) => (
                  <th scope="col">
                    <a href={`/runs/${r.id}`}>
                      <Value of={r.flow} /> / {r.id}
                    </a>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              <tr>
                <th scope="row">status</th>
                {all.map((r) => (
                  <td>
                    <StatusPill status={r.status} />
                  </td>
                ))}
              </tr>
              <tr>
                <th scope="row">started</th>
                {all.map((r) => (
                  <td>
                    <When at={r.created} now={now} />
                  </td>
                ))}
              </tr>
              <tr>
                <th scope="row">took</th>
                {all.map((r) => (
                  <td>
                    <Took from={r.created} to={r.ended} now={now} status={r.status} />
                  </td>
                ))}
              </tr>
              {facts.map(([name, of]) => row(name, all.map(of), all.map((r) => ({ text: of(r) || undefined }))))}
              {parameters.length ? head("Parameters") : null}
              {parameters.map((p) => {
                const values = all.map((r) => r.parameters?.[p]);
                return row(p, values, values.map((text) => ({ text })));
              })}
              {previews.size ? head(`Artifacts at the end of the run${instead(all)}`) : null}
              {[...previews].map(([name, list]) => {
                const hashes = hashesOf(name);
                return row(name, hashes, differ(hashes) ? apart(all.map((r) => r.id), list) : together(list));
              })}
            </tbody>
          </table>
        </Sideways>
      ) : null}
      <div class="columns" style={{ marginTop: "0.9rem" }}>
        {curves.map(([name, list]) => (
          <section class="panel">
            <h2>{name}</h2>
            <Chart
              label={`${name} of ${all.length} runs`}
              series={list.flatMap((p, i) =>
                p?.values
                  ? [
                      {
                        name: String(all[i]!.id),
                        colour: colours[i % colours.length]!,
                        dashed: i % 2 === 1,
                        points: p.values.map((y, j) => ({ x: placeOf(p, j), y })).filter((d): d is { x: number; y: number } => d.y !== null),
                      },
                    ]
                  : [],
              )}
            />
            <div class="legend">
              {all.map((r, i) => list[i]?.values && (
                <span key={r.id}>
                  <i style={{ background: `var(--${colours[i % colours.length]})`, opacity: i % 2 ? 0.7 : 1 }} />
                  run {r.id}
                  {i % 2 ? " (dashed)" : ""}
                </span>
              ))}
            </div>
          </section>
        ))}
        {numbers.map(({ name, values }) => (
          <section class="panel">
            <h2>{name}</h2>
            <Bars values={values} />
          </section>
        ))}
      </div>
      {all.length > 1 ? <CodeDiff runs={all} /> : null}
    </>
  );
}

// instead says whose artifacts those of runs are that did not come to their end.
function instead(runs: Run[]): string {
  const ids = runs.filter((r) => r.status !== "succeeded").map((r) => r.id);
  if (ids.length === 0) return "";
  return ids.length === 1 ? `; of run ${ids[0]}, which did not get there, those of its last task` : `; of runs ${ids.join(", ")}, which did not get there, those of their last tasks`;
}

function Alike({ cell, side }: { cell: Cell; side: Side }) {
  if (cell.problem) return <Unseen problem={cell.problem} />;
  return (
    <td>
      <Picture cell={cell} side={side} />
      <div class="clip">{cell.text === undefined ? <span class="muted">{missing}</span> : <Value of={cell.text} written={cell.of && cell.of.kind !== "text"} />}</div>
    </td>
  );
}

function Unlike({ cells, sides }: { cells: Cell[]; sides: Side[] }) {
  const taken = parts(written(cells.flatMap((c) => c.text ?? [])));
  return cells.map((c, i) =>
    c.problem ? (
      <Unseen problem={c.problem} />
    ) : (
      <td class="differs">
        <Picture cell={c} side={sides[i]!} />
        {c.text === undefined ? (
          <span class="muted">{missing}</span>
        ) : (
          <bdi dir={c.of && c.of.kind !== "text" ? "ltr" : undefined}>{taken.shift()!.map((p) => (p.unlike ? <mark>{marked(p.text)}</mark> : marked(p.text)))}</bdi>
        )}
        {c.beside ? <span class={c.alike ? "muted line" : "muted"}> {marked(c.beside)}</span> : null}
        {c.alike ? <Whole command={toSee(c.of!, sides[i]!.run.id, sides[i]!.task!)} /> : null}
      </td>
    ),
  );
}

// Picture shows an artifact that is one: two of them are told apart by nothing else.
function Picture({ cell, side }: { cell: Cell; side: Side }) {
  if (cell.of?.kind !== "image") return null;
  return <img src={address(`${pathOf(side, cell.of.name)}/image`)} alt={`${cell.of.name} of run ${side.run.id}`} loading="lazy" />;
}

// Whole says how to get to see all of a value of which a part is shown here.
function Whole({ command }: { command: string }) {
  return (
    <details class="whole">
      <summary>See all of it</summary>
      <code>{command}</code> <Copy text={command} what="the command" />
    </details>
  );
}

function Unseen({ problem }: { problem: Problem }) {
  return (
    <td class="unseen">
      <span class="fail-text">Cannot be shown: {worded(problem.message)}</span>
      {problem.hint ? <div class="muted">{worded(problem.hint)}</div> : null}
    </td>
  );
}

interface Bar {
  name: string;
  value: number | undefined;
}

// barsOf are the numbers of runs, without those that cannot be shown.
function barsOf(runs: Run[], list: Shown[]): Bar[] {
  return runs.flatMap((r, i) => {
    const p = list[i];
    if (p instanceof Problem) return [];
    return [{ name: `run ${r.id}`, value: p?.kind === "number" ? (p.number ?? undefined) : undefined }];
  });
}

function Bars({ values }: { values: Bar[] }) {
  const most = Math.max(...values.map((v) => Math.abs(v.value ?? 0)), 1e-300);
  return (
    <div style={{ display: "grid", gridTemplateColumns: "max-content 1fr max-content", gap: "0.3rem 0.6rem", alignItems: "center" }}>
      {values.map((v) => (
        <Fragment key={v.name}>
          <span>{v.name}</span>
          {v.value === undefined ? (
            <span />
          ) : (
            <span class="bar" style={{ width: "100%" }} aria-hidden="true">
              <span style={{ width: `${(100 * Math.abs(v.value)) / most}%`, background: "var(--accent)" }} />
            </span>
          )}
          <span>{v.value === undefined ? missing : number(v.value)}</span>
        </Fragment>
      ))}
    </div>
  );
}
