// The graph of a run, with how many tasks of each step are where.

import { useMemo } from "preact/hooks";
import type { Counts, Graph, Step } from "../api";
import { total } from "../components/basic";
import { layout } from "./layout";

// stateOf is how a step is, by its tasks.
export function stateOf(c: Counts | undefined): "" | "running" | "failed" | "stopped" | "succeeded" {
  if (!c || total(c) === 0) return "";
  if (c.failed + c.died > 0) return "failed";
  if (c.running > 0) return "running";
  if (c.killed > 0) return "stopped";
  return "succeeded";
}

function said(c: Counts | undefined): string {
  if (!c || total(c) === 0) return "not started";
  const n = total(c);
  const parts = [];
  if (c.running) parts.push(`${c.running} running`);
  if (c.failed + c.died) parts.push(`${c.failed + c.died} failed`);
  if (c.killed) parts.push(`${c.killed} killed`);
  const s = c.succeeded.toLocaleString("en-US");
  const done = c.succeeded === n ? (n === 1 ? "done" : `${s} done`) : `${s}/${n.toLocaleString("en-US")} done`;
  return [done, ...parts].join(", ");
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

export function Dag({ graph, steps, chosen, choose }: { graph: Graph; steps: Step[]; chosen: string; choose: (step: string) => void }) {
  const l = useMemo(() => layout(graph), [graph]);
  const counts = new Map(steps.map((s) => [s.name, s.counts]));
  return (
    <div class="dag" tabIndex={0} role="region" aria-label="Graph of the flow">
      <svg width={l.width} height={l.height}>
        <defs>
          <marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
            <path class="head" d="M0,0L8,4L0,8z" />
          </marker>
        </defs>
        {l.edges.map((e) => (
          <path class="edge" d={e.back ? around(e.points) : smooth(e.points)} marker-end="url(#head)" />
        ))}
        {l.boxes.map((b) => {
          const c = counts.get(b.name);
          const text = said(c);
          const name = b.name.length > 27 ? b.name.slice(0, 26) + "…" : b.name;
          const pick = () => choose(chosen === b.name ? "" : b.name);
          return (
            <g
              class={`${stateOf(c)} ${chosen === b.name ? "chosen" : ""}`}
              role="button"
              tabIndex={0}
              aria-pressed={chosen === b.name}
              aria-label={`${name} ${text}`}
              style={{ cursor: "pointer" }}
              onClick={pick}
              onKeyDown={(e) => {
                if (e.key === "Enter" || e.key === " ") {
                  e.preventDefault();
                  pick();
                }
              }}
            >
              {b.stacked
                ? [6, 3].map((d) => <rect class="box" x={b.x + d} y={b.y + d} width={b.w} height={b.h} rx="6" />)
                : null}
              <rect class="box" x={b.x} y={b.y} width={b.w} height={b.h} rx="6" />
              <text x={b.x + b.w / 2} y={b.y + 19} text-anchor="middle" font-weight="600">
                {name + " "}
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
