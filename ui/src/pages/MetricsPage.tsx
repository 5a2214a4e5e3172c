// The numbers that runs of a flow ended with, against time, runs or a parameter.

import { useEffect, useState } from "preact/hooks";
import { get, isGiven, type Metrics, type Point, type Step } from "../api";
import { Failure, Skeleton, useNow } from "../components/basic";
import { useGet } from "../components/hooks";
import { Value } from "../components/Value";
import { plural, visible } from "../format";
import { setQuery, useAddress } from "../router";
import { statuses } from "./filters";
import { Mark, MetricChart } from "./MetricChart";
import { MetricsTable } from "./MetricsTable";
import { axisOf, varying } from "./points";

const page = 500;

export function MetricsPage({ flow }: { flow: string }) {
  const q = useAddress().searchParams;
  const text = (name: string) => q.get(name) ?? "";
  const asked = { flow, tag: text("tag"), user: text("user"), status: text("status"), step: text("step"), limit: page };
  const first = useGet<Metrics>("/metrics", asked);
  const older = useOlder(asked);
  const newest = first.data?.points[0]?.run;
  const steps = useGet<{ steps: Step[] }>(newest ? `/runs/${newest}/steps` : undefined);
  const now = useNow(true, 30_000);
  useEffect(() => {
    document.title = `Metrics of ${flow} – Levada`;
  }, [flow]);

  const by = text("x") || "time";
  const points = [...(first.data?.points ?? []), ...older.points];
  const names = [...new Set([...(first.data?.names ?? []), ...older.names])].sort();
  const parameters = varying(points);
  // Numbers that are parameters say nothing about how a run went.
  const given = new Set(names.filter((n) => points.some((p) => isGiven(n, p.parameters))));
  const varies = (n: string) => new Set(points.map((p) => p.values[n]).filter((v) => v !== undefined)).size > 1;
  const interesting = names.filter((n) => !given.has(n)).sort((a, b) => Number(varies(b)) - Number(varies(a)));
  const wanted = q.getAll("name").filter((n) => names.includes(n));
  const shown = wanted.length ? wanted : (interesting.some(varies) ? interesting.filter(varies) : interesting).slice(0, 3);
  const toggle = (name: string) => setQuery({ name: shown.includes(name) ? shown.filter((n) => n !== name) : [...shown, name] });
  const next = older.next ?? first.data?.next;
  return (
    <>
      <nav class="crumbs" aria-label="Breadcrumb">
        <a href="/">Runs</a> <span>/</span> <a href={`/?flow=${encodeURIComponent(flow)}`}>
          <Value of={flow} />
        </a>
      </nav>
      <h1>
        Metrics of <Value of={flow} />
      </h1>
      <form class="filters" onSubmit={(e) => e.preventDefault()}>
        <select class="input" aria-label="Against" value={by} onChange={(e) => setQuery({ x: e.currentTarget.value })}>
          <option value="time">against time</option>
          <option value="run">against runs</option>
          {[...new Set([...parameters, ...(["time", "run"].includes(by) ? [] : [by])])].map((p) => (
            <option value={p}>against {visible(p)}</option>
          ))}
        </select>
        <select class="input" aria-label="Status" value={asked.status} onChange={(e) => setQuery({ status: e.currentTarget.value }, false)}>
          <option value="">any status</option>
          {statuses.map((s) => (
            <option value={s}>{s}</option>
          ))}
        </select>
        <select class="input" aria-label="Step" value={asked.step} onChange={(e) => setQuery({ step: e.currentTarget.value }, false)}>
          <option value="">at the end of the flow</option>
          {[...new Set([...(steps.data?.steps ?? []).map((s) => s.name), asked.step])]
            .filter((s) => s && s !== "_parameters")
            .map((s) => (
              <option value={s}>after {s}</option>
            ))}
        </select>
        <Field name="tag" hint="Tag, then Enter" label="Only runs with this tag" value={asked.tag} />
        <Field name="user" hint="User, then Enter" label="Only runs of this user" value={asked.user} />
        {axisOf(points, by).kind === "number" ? <Log name="logx" text="log x" on={text("logx") === "1"} /> : null}
        <Log name="logy" text="log y" on={text("logy") === "1"} />
      </form>
      {first.error ? <Failure error={first.error} retry={first.again} /> : null}
      {!first.data && !first.error ? <Skeleton /> : null}
      {first.data && names.length === 0 ? <NoNumbers flow={flow} filtered={Boolean(asked.tag || asked.user || asked.status || asked.step)} /> : null}
      {names.length > 0 ? (
        <div class="stack">
          <div class="row" role="group" aria-label="Numbers to show">
            {[...interesting, ...[...given]].map((n) => (
              <button key={n} class="button" type="button" aria-pressed={shown.includes(n)} onClick={() => toggle(n)}>
                {visible(n)}
              </button>
            ))}
          </div>
          <div class="legend">
            {statuses
              .filter((s) => points.some((p) => p.status === s))
              .map((s) => (
                <span key={s} class="row">
                  <svg viewBox="-6 -6 12 12" width="12" height="12" aria-hidden="true">
                    <Mark status={s as Point["status"]} />
                  </svg>
                  {s}
                </span>
              ))}
            <span>{plural(points.length, "run")}</span>
          </div>
          {shown.length === 0 ? <OnlyParameters /> : null}
          <div class="columns">
            {shown.map((name) => (
              <MetricChart key={name} name={name} flow={flow} points={points} by={by} logX={text("logx") === "1"} logY={text("logy") === "1"} />
            ))}
          </div>
          {older.error ? <Failure error={older.error} /> : null}
          {next ? (
            <div>
              <button class="button" type="button" disabled={older.busy} onClick={() => older.load(next)}>
                Load older runs
              </button>
            </div>
          ) : null}
          <MetricsTable points={points} shown={shown} parameters={parameters} now={now} />
        </div>
      ) : null}
    </>
  );
}

interface Older {
  points: Point[];
  names: string[];
  next?: string | undefined;
  busy: boolean;
  error?: unknown;
}

// useOlder holds the pages after the first.
function useOlder(asked: Record<string, string | number>): Older & { load: (cursor: string) => void } {
  const key = JSON.stringify(asked);
  const [state, setState] = useState<{ key: string; is: Older }>();
  const is: Older = state?.key === key ? state.is : { points: [], names: [], busy: false };
  const load = (cursor: string) => {
    setState({ key, is: { ...is, busy: true, error: undefined } });
    get<Metrics>("/metrics", { ...asked, cursor })
      .then((m): Older => ({ points: [...is.points, ...m.points], names: [...is.names, ...m.names], next: m.next, busy: false }))
      .catch((error: unknown): Older => ({ ...is, busy: false, error }))
      .then((is) => setState((old) => (old?.key === key ? { key, is } : old)));
  };
  return { ...is, load };
}

function Field({ name, hint, label, value }: { name: string; hint: string; label: string; value: string }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <input
      class="input"
      placeholder={hint}
      aria-label={label}
      value={text}
      onInput={(e) => setText(e.currentTarget.value)}
      onChange={(e) => setQuery({ [name]: e.currentTarget.value.trim() }, false)}
    />
  );
}

function Log({ name, text, on }: { name: string; text: string; on: boolean }) {
  return (
    <button class="button" type="button" aria-pressed={on} onClick={() => setQuery({ [name]: on ? "" : "1" })}>
      {text}
    </button>
  );
}

function NoNumbers({ flow, filtered }: { flow: string; filtered: boolean }) {
  return (
    <div class="empty panel">
      <h2>{filtered ? "No numbers in the runs that match" : "No numbers yet"}</h2>
      {filtered ? (
        <p>
          <a href={`/flows/${encodeURIComponent(flow)}/metrics`}>Show the numbers of all runs</a>
        </p>
      ) : (
        <>
          <p>Every artifact of the last step that is a number appears here, run by run:</p>
          <Example />
        </>
      )}
    </div>
  );
}

function OnlyParameters() {
  return (
    <div class="empty panel">
      <h2>The only numbers here are parameters</h2>
      <p>This page draws the numbers that runs end with. Parameters are drawn only when you choose them above. To see a result, assign it in a step:</p>
      <Example />
      <p>If an earlier step assigns it, choose that step above, or keep the number to the end: after a join, with merge_artifacts.</p>
    </div>
  );
}

const Example = () => <pre>self.accuracy = 0.93</pre>;
