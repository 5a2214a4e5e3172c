// The graph of a run, with how many tasks of each step are where.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Counts, get, type Graph, type Status, type Step, type Task } from "../api";
import { total } from "../components/basic";
import { number } from "../format";
import { asWide, boxHeight, layout, many, shortName, widthOf } from "./layout";

// stateOf is how a step is, by its tasks.
export function stateOf(c: Counts | undefined): "" | "running" | "failed" | "stopped" | "caught" | "succeeded" {
  if (!c || total(c) === 0) return "";
  if (c.failed + c.died > 0) return "failed";
  if (c.running > 0) return "running";
  if (c.killed > 0) return "stopped";
  if (c.caught > 0) return "caught";
  return "succeeded";
}

// said tells of a step's tasks. of is how many there will be, undefined as long as that is not known.
export function said(c: Counts | undefined, of: number | undefined): string {
  if (!c || total(c) === 0) return "not started";
  const parts = [];
  // Those that were caught are among those that are done.
  if (c.caught) parts.push(of === 1 ? "exception caught" : `${number(c.caught)} of them caught`);
  if (c.running) parts.push(`${number(c.running)} running`);
  // Of the only task, one wants to know how it ended, not how many there were.
  const alone = of === 1 && c.running === 0;
  if (c.failed) parts.push(alone ? "failed" : `${number(c.failed)} failed`);
  if (c.died) parts.push(alone ? "died" : `${number(c.died)} died`);
  if (c.killed) parts.push(alone ? "killed" : `${number(c.killed)} killed`);
  const s = number(c.succeeded);
  const lost = of === total(c) && c.running + c.succeeded === 0; // all of them have ended, and none is done
  if (lost) return parts.join(", ");
  if (of === undefined) return [...(c.succeeded ? [`${s} done`] : []), ...parts].join(", ");
  const done = c.succeeded === of ? (of === 1 ? "done" : `${s} done`) : `${s}/${number(of)} done`;
  return [done, ...parts].join(", ");
}

// useWidths asks how many tasks steps of a foreach or a gang will have. Each of the tasks tells it, so the first one is asked.
function useWidths(run: number, status: Status, graph: Graph, steps: Step[]): Map<string, number> {
  const [widths, setWidths] = useState<Map<string, number>>(new Map());
  const wide = useMemo(() => asWide(graph), [graph]);
  const first = status === "succeeded" ? [] : steps.filter((s) => wide.has(s.name) && !widths.has(s.name));
  useEffect(() => {
    const stop = new AbortController();
    for (const s of first) {
      get<Task>(`/runs/${run}/tasks/${s.first}`, {}, stop.signal)
        .then((t) => {
          const count = t.stack?.at(-1)?.count;
          if (count) setWidths((old) => new Map(old).set(s.name, count));
        })
        .catch(() => {}); // there is no total then
    }
    return () => stop.abort();
  }, [run, first.map((s) => s.name).join()]);
  return widths;
}

const smooth = (points: [number, number][]) => {
  let d = `M${points[0]![0]},${points[0]![1]}`;
  for (let i = 1; i < points.length; i++) {
    const [[x0, y0], [x1, y1]] = [points[i - 1]!, points[i]!];
    const m = (y0 + y1) / 2;
    d += x0 === x1 ? `L${x1},${y1}` : `C${x0},${m} ${x1},${m} ${x1},${y1}`;
  }
  return d;
};

const around = (points: [number, number][]) => {
  const [a, b, c, d] = points as [[number, number], [number, number], [number, number], [number, number]];
  return `M${a[0]},${a[1]}C${b[0]},${b[1]} ${c[0]},${c[1]} ${d[0] + 1},${d[1]}`;
};

// From this width on a graph has the whole width of the page to itself.
const broad = 440;
const forked = 280; // and from this on it needs more than a narrow column

// It is drawn smaller when there is no room for it, down to this; then it scrolls.
const smallest = 0.75;

interface Props {
  run: number;
  status: Status;
  graph: Graph;
  steps: Step[];
  chosen: string;
  choose: (step: string) => void;
}

export function Dag({ run, status, graph, steps, chosen, choose }: Props) {
  const widths = useWidths(run, status, graph, steps);
  const stacked = useMemo(() => many(graph), [graph]);
  const counts = new Map(steps.map((s) => [s.name, s.counts]));
  const texts = new Map(
    Object.keys(graph.steps).map((name) => {
      const c = counts.get(name);
      const width = widths.get(name) ?? (status === "running" && stacked.has(name) ? undefined : 0);
      return [name, said(c, width === undefined ? undefined : Math.max(width, total(c)))];
    }),
  );
  const room = new Map([...texts].map(([name, text]) => [name, widthOf(name, text)]));
  const l = useMemo(() => layout(graph, room), [graph, [...room].join()]);
  const view = useRef<HTMLDivElement>(null);
  // What failed is to be seen, else the middle, where the first step is.
  const failed = l.boxes.find((b) => stateOf(counts.get(b.name)) === "failed");
  const first = failed ?? l.boxes[0];
  useEffect(() => {
    const el = view.current;
    if (!el || !first) return;
    const scale = el.scrollWidth / l.width;
    el.scrollLeft = (first.x + first.w / 2) * scale - el.clientWidth / 2;
    el.scrollTop = failed ? (failed.y + boxHeight / 2) * scale - el.clientHeight / 2 : 0;
  }, [first?.name, l.width]);
  return (
    <div class={`dag ${l.width > broad ? "broad" : l.width > forked ? "forked" : ""}`} ref={view} tabIndex={0} role="region" aria-label="Graph of the flow">
      <svg viewBox={`0 0 ${l.width} ${l.height}`} style={{ maxWidth: `${l.width}px`, minWidth: `${Math.round(l.width * smallest)}px` }}>
        <defs>
          <marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
            <path class="head" d="M0,0L8,4L0,8z" />
          </marker>
        </defs>
        {l.edges.map((e) => (
          <path class="edge" d={e.back ? around(e.points) : smooth(e.points)} marker-end="url(#head)" />
        ))}
        {l.boxes.map((b) => {
          const text = texts.get(b.name)!;
          const pick = () => choose(chosen === b.name ? "" : b.name);
          return (
            <g
              key={b.name}
              class={`${stateOf(counts.get(b.name))} ${chosen === b.name ? "chosen" : ""}`}
              role="button"
              tabindex={0} // in SVG an attribute, and in small letters
              aria-pressed={chosen === b.name}
              aria-label={`${b.name} ${text}`}
              style={{ cursor: "pointer" }}
              onClick={pick}
              onKeyDown={(e) => {
                if (e.key === "Enter" || e.key === " ") {
                  e.preventDefault();
                  pick();
                }
              }}
            >
              {shortName(b.name) === b.name ? null : <title>{b.name}</title>}
              {b.stacked
                ? [6, 3].map((d) => <rect class="box" x={b.x + d} y={b.y + d} width={b.w} height={b.h} rx="6" />)
                : null}
              <rect class="box" x={b.x} y={b.y} width={b.w} height={b.h} rx="6" />
              <text x={b.x + b.w / 2} y={b.y + 19} text-anchor="middle" font-weight="600">
                {shortName(b.name) + " "}
              </text>
              <text class="count" x={b.x + b.w / 2} y={b.y + 35} text-anchor="middle">
                {text}
              </text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}
