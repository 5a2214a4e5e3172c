// A run at a glance: its graph and its timeline.

import { useMemo } from "preact/hooks";
import type { Graph, Micros, Run } from "../api";
import { Skeleton } from "../components/basic";
import type { Loaded } from "../components/hooks";
import { number, plural } from "../format";
import { setQuery } from "../router";
import { Dag } from "./Dag";
import { type Filter, isFiltered, isTaken, type Rows, shown } from "./rows";
import { TaskFilter } from "./TaskFilter";
import { TimelineView } from "./TimelineView";
import type { Live } from "./useRun";

interface Props {
  run: Run;
  live: Live;
  graph: Loaded<{ graph: Graph }>;
  loading: boolean; // the tasks
  filter: Filter;
  now: Micros;
}

export function Overview({ run: r, live: { steps, names, rows, version }, graph, loading, filter, now }: Props) {
  const since = r.origin ? r.created : 0; // what a run that resumes another took over ran before
  const hasGraph = !graph.error && (!graph.data || Object.keys(graph.data.graph.steps).length > 0);
  return (
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
          {graph.data && (steps.length > 0 || !loading) ? <Dag run={r.id} status={r.status} graph={graph.data.graph} steps={steps} chosen={filter.step} choose={(step) => setQuery({ step })} /> : <Skeleton />}
        </section>
      ) : null}
      <section class="panel">
        <div class="row spread" style={{ marginBottom: "0.4rem" }}>
          <h2>Timeline</h2>
          <TaskFilter names={names} filter={filter} />
        </div>
        {rows.size > 0 ? (
          <TimelineView run={r.id} rows={rows} version={version} filter={filter} now={now} since={since} drawn={ready} />
        ) : (
          <p class="muted">{loading ? "Loading…" : "No task has started yet."}</p>
        )}
        {loading ? null : <Legend run={r} rows={rows} version={version} filter={filter} since={since} />}
      </section>
    </div>
  );
}

// ready marks, for whoever measures, when the timeline was there first.
function ready(): void {
  if (performance.getEntriesByName("timeline").length === 0) performance.mark("timeline");
}

// What the timeline's colours mean, and of which statuses.
const legend: [string, string, string[]][] = [
  ["ok", "succeeded", ["succeeded"]],
  ["run", "running", ["running"]],
  ["caught", "caught (one stroke)", ["caught"]],
  ["fail", "failed or died (cross)", ["failed", "died"]],
  ["warn", "killed", ["killed", "interrupted"]],
];
const taken = "taken over";

function Legend({ run: r, rows, version, filter, since }: { run: Run; rows: Rows; version: number; filter: Filter; since: Micros }) {
  const there = useMemo(() => {
    const found = new Set<string>();
    for (const list of rows.byTask.values()) for (const row of list) if (row.attempt >= 0) found.add(isTaken(row, since) ? taken : row.status);
    return found;
  }, [rows, version, since]);
  return (
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
      <span>{isFiltered(filter) ? `${number(shown(rows, filter))} of ${plural(rows.size, "task")}` : plural(rows.size, "task")}</span>
    </div>
  );
}
