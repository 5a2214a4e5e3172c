// The numbers that runs of a flow ended with, against time, runs or a parameter.

import { useEffect, useState } from "preact/hooks";
import type { Metrics, Point } from "../api";
import { Failure, Skeleton, StatusPill, useNow, When } from "../components/basic";
import { Chart } from "../components/Chart";
import { useGet } from "../components/hooks";
import { number, shortMoment } from "../format";
import { setQuery, useAddress } from "../router";
import { statuses } from "./filters";

// numeric returns the parameters that are numbers in at least two runs with different values.
export function numeric(points: Point[]): string[] {
  const values = new Map<string, Set<number>>();
  for (const p of points) {
    for (const [name, text] of Object.entries(p.parameters ?? {})) {
      const n = Number(text);
      if (text.trim() && Number.isFinite(n)) values.set(name, (values.get(name) ?? new Set()).add(n));
    }
  }
  return [...values].filter(([, set]) => set.size > 1).map(([name]) => name);
}

export function MetricsPage({ flow }: { flow: string }) {
  const q = useAddress().searchParams;
  const tag = q.get("tag") ?? "";
  const status = q.get("status") ?? "";
  const by = q.get("x") ?? "time";
  const res = useGet<Metrics>("/metrics", { flow, tag, status, limit: 500 });
  const now = useNow(true, 30_000);
  const [typed, setTyped] = useState(tag);
  useEffect(() => {
    document.title = `Metrics of ${flow} – Levada`;
  }, [flow]);
  const names = res.data?.names ?? [];
  const parameters = numeric(res.data?.points ?? []);
  // Numbers that are parameters say nothing about how a run went.
  const known = new Set(res.data?.points.flatMap((p) => Object.keys(p.parameters ?? {})) ?? []);
  const varies = (n: string) => new Set(res.data?.points.map((p) => p.values[n]).filter((v) => v !== undefined)).size > 1;
  const interesting = names.filter((n) => !known.has(n)).sort((a, b) => Number(varies(b)) - Number(varies(a)));
  const asked = q.getAll("name").filter((n) => names.includes(n));
  const shown = asked.length ? asked : (interesting.some(varies) ? interesting.filter(varies) : interesting).slice(0, 3);
  const points = [...(res.data?.points ?? [])].reverse();
  const at = (p: Point) => (by === "time" ? p.created : by === "run" ? p.run : Number(p.parameters?.[by]));
  const toggle = (name: string) => setQuery({ name: shown.includes(name) ? shown.filter((n) => n !== name) : [...shown, name] });
  return (
    <>
      <nav class="crumbs" aria-label="Where this is">
        <a href="/">Runs</a> <span>/</span> <a href={`/?flow=${encodeURIComponent(flow)}`}>{flow}</a>
      </nav>
      <h1>Metrics of {flow}</h1>
      <form
        class="filters"
        onSubmit={(e) => {
          e.preventDefault();
          setQuery({ tag: typed }, false);
        }}
      >
        <select class="input" aria-label="Against" value={by} onChange={(e) => setQuery({ x: e.currentTarget.value })}>
          <option value="time">against time</option>
          <option value="run">against the run's id</option>
          {[...new Set([...parameters, ...(["time", "run"].includes(by) ? [] : [by])])].map((p) => (
            <option value={p}>against {p}</option>
          ))}
        </select>
        <select class="input" aria-label="Status" value={status} onChange={(e) => setQuery({ status: e.currentTarget.value })}>
          <option value="">any status</option>
          {statuses.map((s) => (
            <option value={s}>{s}</option>
          ))}
        </select>
        <input class="input" placeholder="Tag, then Enter" aria-label="Only runs with this tag" value={typed} onInput={(e) => setTyped(e.currentTarget.value)} />
      </form>
      {res.error ? <Failure error={res.error} retry={res.again} /> : null}
      {!res.data && !res.error ? <Skeleton /> : null}
      {res.data && names.length === 0 ? (
        <div class="empty panel">
          <h2>No numbers yet</h2>
          <p>Every artifact of the last step that is a number appears here, run by run:</p>
          <pre>self.accuracy = 0.93</pre>
        </div>
      ) : null}
      {names.length > 0 ? (
        <div class="stack">
          <div class="row" role="group" aria-label="Numbers that are shown">
            {[...interesting, ...names.filter((n) => known.has(n))].map((n) => (
              <button class="button" type="button" aria-pressed={shown.includes(n)} onClick={() => toggle(n)}>
                {n}
              </button>
            ))}
          </div>
          <div class="columns">
            {shown.map((name) => {
              const of = points.filter((p) => p.values[name] !== undefined && Number.isFinite(at(p))).sort((a, b) => at(a) - at(b));
              return (
                <section class="panel">
                  <h2>{name}</h2>
                  <Chart
                    label={`${name} of ${of.length} runs of ${flow}`}
                    height={220}
                    x={by === "time" ? (v) => shortMoment(v, (at(of.at(-1)!) - at(of[0]!)) / 1e6) : number}
                    series={[
                      {
                        name,
                        colour: "accent",
                        dots: true,
                        points: of.map((p) => ({
                          x: at(p),
                          y: p.values[name]!,
                          href: `/runs/${p.run}`,
                          title: `run ${p.run}: ${name} = ${number(p.values[name]!)}${by === "time" || by === "run" ? "" : `, ${by} = ${p.parameters?.[by]}`}`,
                        })),
                      },
                    ]}
                  />
                </section>
              );
            })}
          </div>
          <section class="panel scroll" style={{ padding: 0 }}>
            <table class="grid">
              <caption class="hidden">The numbers, run by run</caption>
              <thead>
                <tr>
                  <th>Run</th>
                  <th>Status</th>
                  <th>Started</th>
                  {parameters.map((p) => (
                    <th class="num">{p}</th>
                  ))}
                  {shown.map((n) => (
                    <th class="num">{n}</th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {[...points].reverse().map((p) => (
                  <tr>
                    <td>
                      <a href={`/runs/${p.run}`}>{p.run}</a>
                    </td>
                    <td>
                      <StatusPill status={p.status} />
                    </td>
                    <td>
                      <When at={p.created} now={now} />
                    </td>
                    {parameters.map((name) => (
                      <td class="num">{p.parameters?.[name]}</td>
                    ))}
                    {shown.map((n) => (
                      <td class="num">{p.values[n] === undefined ? <span class="muted">–</span> : number(p.values[n])}</td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
          {res.data?.next ? <p class="muted">Only the newest {points.length} runs are shown.</p> : null}
        </div>
      ) : null}
    </>
  );
}
