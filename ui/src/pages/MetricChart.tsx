// One metric of many runs. A point is a link to its run; its form tells how the run ended.

import { useState } from "preact/hooks";
import type { Point, Status } from "../api";
import { StatusPill } from "../components/basic";
import { useWidth } from "../components/Chart";
import { Value } from "../components/Value";
import { moment, number, plural, visible } from "../format";
import * as scale from "../scale";
import { axisOf, type Placed, place } from "./points";

const height = 220;
const [left, right, top, bottom] = [56, 14, 10, 24];

interface Props {
  name: string;
  flow: string;
  points: Point[];
  by: string;
  logX: boolean;
  logY: boolean;
}

export function MetricChart({ name, flow, points, by, logX, logY }: Props) {
  const [ref, width] = useWidth();
  const [at, setAt] = useState<number>();
  const axis = axisOf(points, by);
  const all = place(points, name, by, axis);
  const shown = all.filter((p) => (!logY || p.y > 0) && (!logX || axis.kind !== "number" || p.x > 0));
  const active = shown[Math.min(at ?? 0, shown.length - 1)];
  const [x, y] = scales(shown, axis, logX, logY, width);
  // One Tab stop for all points: arrows go from one to the next.
  const move = (e: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1, Home: -shown.length, End: shown.length }[e.key];
    if (!by) return;
    e.preventDefault();
    const to = Math.max(0, Math.min(shown.length - 1, (at ?? 0) + by));
    setAt(to);
    (e.currentTarget as Element).querySelectorAll<SVGAElement>("a")[to]?.focus();
  };
  return (
    <section class="panel">
      <h2>{name}</h2>
      <div ref={ref} class="metric" style={{ minHeight: `${height}px` }} onKeyDown={move} onMouseLeave={() => setAt(undefined)}>
        {width > 0 && shown.length > 0 ? (
          <svg class="chart" width={width} height={height} role="group" aria-label={`${name} of ${plural(shown.length, "run")} of ${flow}`}>
            <Frame x={x} y={y} width={width} />
            {by === "time" || by === "run" ? (
              <polyline class="trend" points={shown.map((p) => `${x.at(p.x).toFixed(1)},${y.at(p.y).toFixed(1)}`).join(" ")} />
            ) : null}
            {shown.map((p, i) => (
              <g key={p.point.run} transform={`translate(${x.at(p.x).toFixed(1)} ${y.at(p.y).toFixed(1)})`}>
                <a
                  href={`/runs/${p.point.run}`}
                  tabindex={p === active ? 0 : -1} // in SVG an attribute, and in small letters
                  aria-label={`run ${p.point.run}: ${name} = ${number(p.y)}, ${p.point.status}`}
                  onFocus={() => setAt(i)}
                  onBlur={() => setAt(undefined)}
                  onMouseEnter={() => setAt(i)}
                >
                  <circle r="10" class="around" />
                  <Mark status={p.point.status} />
                </a>
              </g>
            ))}
          </svg>
        ) : null}
        {shown.length === 0 ? <p class="muted">No run has this number.</p> : null}
        {at !== undefined && active ? <Tip p={active} name={name} x={x.at(active.x)} y={y.at(active.y)} width={width} /> : null}
      </div>
      {all.length > shown.length ? <p class="muted">{plural(all.length - shown.length, "run")} not shown: a logarithmic axis has no values at or below 0.</p> : null}
    </section>
  );
}

function scales(shown: Placed[], axis: { kind: string; names: string[] }, logX: boolean, logY: boolean, width: number): [scale.Scale, scale.Scale] {
  const xs = shown.map((p) => p.x);
  const ys = shown.map((p) => p.y);
  const across: [number, number] = [left + 6, Math.max(left + 20, width - right - 6)];
  const up: [number, number] = [height - bottom, top];
  const ticks = Math.max(2, Math.floor(width / 120));
  const y = logY ? scale.log(scale.logDomain(ys), up) : scale.linear(scale.domain(ys), up, 4);
  if (axis.kind === "names") return [scale.band(axis.names, across), y];
  if (axis.kind === "time") return [scale.time(scale.timeDomain(xs), across, ticks), y];
  return [logX ? scale.log(scale.logDomain(xs), across) : scale.linear(scale.domain(xs), across, ticks), y];
}

function Frame({ x, y, width }: { x: scale.Scale; y: scale.Scale; width: number }) {
  return (
    <g aria-hidden="true">
      {y.ticks.map((t) => (
        <g key={t.value}>
          <line class="axis" x1={left} x2={width - right} y1={y.at(t.value)} y2={y.at(t.value)} />
          <text x={left - 6} y={y.at(t.value) + 4} text-anchor="end">
            {t.text}
          </text>
        </g>
      ))}
      <line class="axis" x1={left} x2={width - right} y1={height - bottom} y2={height - bottom} />
      {x.ticks.map((t) => (
        <text key={t.value} x={x.at(t.value)} y={height - 6} text-anchor="middle">
          {visible(t.text)}
        </text>
      ))}
    </g>
  );
}

const marks: Record<string, preact.JSX.Element> = {
  succeeded: <circle r="4" class="full" />,
  running: <circle r="3.5" class="line" />,
  failed: <path d="M-3.5-3.5L3.5 3.5M3.5-3.5L-3.5 3.5" class="line" />,
  died: <path d="M-3.5-3.5H3.5V3.5H-3.5z" class="line" />,
  interrupted: <path d="M0-4.5L4.5 0 0 4.5-4.5 0z" class="full" />,
};

export function Mark({ status }: { status: Status }) {
  return <g class={`mark ${status}`}>{marks[status] ?? marks["succeeded"]}</g>;
}

function Tip({ p, name, x, y, width }: { p: Placed; name: string; x: number; y: number; width: number }) {
  const side = x > width / 2 ? { right: `${width - x + 12}px` } : { left: `${x + 12}px` };
  const parameters = Object.entries(p.point.parameters ?? {}).slice(0, 8);
  return (
    <div class="tip" aria-hidden="true" style={{ ...side, top: `${Math.max(0, y - 30)}px` }}>
      <div class="row">
        <strong>run {p.point.run}</strong> <StatusPill status={p.point.status} />
      </div>
      <div>
        {name} = <strong>{number(p.y)}</strong>
      </div>
      <div class="muted">{moment(p.point.created)}</div>
      {parameters.map(([n, v]) => (
        <div key={n} class="mono muted">
          {visible(n)}=<Value of={v.length > 40 ? `${v.slice(0, 40)}…` : v} />
        </div>
      ))}
    </div>
  );
}
