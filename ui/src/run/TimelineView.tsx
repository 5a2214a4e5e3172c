// The timeline of a run, drawn on a canvas: steps from top to bottom, time from left to right.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Micros } from "../api";
import { took } from "../components/basic";
import { useWidth } from "../components/Chart";
import { Value } from "../components/Value";
import { clock, duration, plural } from "../format";
import { navigate } from "../router";
import { colour } from "../theme";
import { extent, type Filter, pick, type Row, type Rows, type Section, sections } from "./rows";

const mostLeft = 128; // of the names of steps
const axis = 22;
const headGap = 8;
const tallest = 440;
const track = 14; // the height of a section at least
const onPaper = 3; // dots of a printer for a pixel
const band = 26; // at the left, of what was taken over

interface Look {
  sections: { section: Section; y: number; lane: number }[];
  height: number;
}

// look decides how high lanes are: as high as there is room, and never less than what can be seen. Few lanes fill the track that a name needs.
function look(list: Section[]): Look {
  const count = list.reduce((n, s) => n + s.lanes.length, 0);
  const lane = Math.max(2, Math.min(track, Math.floor((tallest - list.length * (headGap + 4)) / Math.max(1, count))));
  let y = axis + 4;
  const placed = list.map((section) => {
    const at = y;
    y += Math.max(track, section.lanes.length * lane) + headGap;
    return { section, y: at, lane: Math.max(lane, track / Math.max(1, section.lanes.length)) };
  });
  return { sections: placed, height: Math.max(90, y + 4) };
}

function labelOf(step: string): string {
  return step.length > 18 ? step.slice(0, 17) + "…" : step;
}

const font = () => `11px ${getComputedStyle(document.body).fontFamily}`;

// leftOf is the room that the names of steps take, all of them at most.
function leftOf(steps: Iterable<string>): number {
  const c = document.createElement("canvas").getContext("2d")!;
  c.font = font();
  let widest = 0;
  for (const step of steps) widest = Math.max(widest, c.measureText(labelOf(step)).width);
  return Math.min(mostLeft, Math.ceil(widest) + 14);
}

function heightOf(s: Section, lane: number): number {
  return Math.max(track, s.lanes.length * lane);
}

const colours: Record<string, string> = {
  succeeded: "ok",
  caught: "caught",
  failed: "fail",
  died: "fail",
  running: "run",
  killed: "warn",
  interrupted: "warn",
};

interface Props {
  run: number;
  rows: Rows;
  version: number;
  filter: Filter;
  now: Micros;
  since: Micros; // when a run began that resumes another, else 0
  drawn: () => void;
}

export function TimelineView({ run, rows, version, filter, now, since, drawn }: Props) {
  const [holder, width] = useWidth();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [range, setRange] = useState<[Micros, Micros]>();
  const [tip, setTip] = useState<{ row: Row; taken: number; x: number; y: number }>();
  const [drag, setDrag] = useState<[number, number]>();
  const list = useMemo(() => sections(rows, filter, now, since), [rows, version, filter.step, filter.status, filter.text, now, since]);
  const placed = useMemo(() => look(list), [list]);
  const all = useMemo(() => extent(rows, now, since), [rows, version, now, since]);
  const [t0, t1] = range ?? all;
  // Of all steps, so that the axis stays where it is when others are chosen.
  const left = useMemo(() => leftOf(rows.steps), [rows, rows.steps.size]);
  const begin = left + (list.some((s) => s.taken.length > 0) ? band : 0); // of the axis
  const room = Math.max(1, width - begin - 8);
  const x = (t: Micros) => begin + ((t - t0) / (t1 - t0)) * room;
  const time = (px: number) => t0 + ((px - begin) / room) * (t1 - t0);

  const draw = useRef((_sharp: number) => {});
  draw.current = (sharp) => {
    if (canvas.current && width > 0) paint(canvas.current, width, sharp, placed, left, begin, x, [t0, t1], now);
  };
  useEffect(() => {
    if (width === 0) return;
    const frame = requestAnimationFrame(() => {
      draw.current(devicePixelRatio);
      if (rows.size > 0) drawn();
    });
    return () => cancelAnimationFrame(frame);
  });
  // What has other colours now is drawn again at once: a page that is being printed does not wait.
  useEffect(() => {
    const again = (e: Event) => draw.current(e.type === "beforeprint" ? onPaper : devicePixelRatio);
    const events = ["levada:theme", "beforeprint", "afterprint"];
    for (const e of events) window.addEventListener(e, again);
    return () => {
      for (const e of events) window.removeEventListener(e, again);
    };
  }, []);

  const zoom = (by: number, at = (t0 + t1) / 2) => {
    const span = Math.max(1000, (t1 - t0) * by);
    if (span >= all[1] - all[0]) return setRange(undefined);
    const share = (at - t0) / (t1 - t0);
    const low = Math.max(all[0], Math.min(all[1] - span, at - share * span));
    setRange([low, low + span]);
  };
  const pan = (by: number) => {
    const d = Math.max(all[0] - t0, Math.min(all[1] - t1, (t1 - t0) * by));
    if (range) setRange([t0 + d, t1 + d]);
  };
  const find = (px: number, py: number) => {
    for (const { section, y, lane } of placed.sections) {
      if (px >= left && px < begin && section.taken.length > 0 && py >= y && py < y + heightOf(section, lane)) return { row: section.taken[0]!, taken: section.taken.length };
      const at = Math.floor((py - y) / lane);
      if (px >= begin && at >= 0 && at < section.lanes.length) {
        const row = pick(section.lanes[at]!, time(px), now, (3 / room) * (t1 - t0));
        return row && { row, taken: 0 };
      }
    }
    return undefined;
  };
  const place = (e: MouseEvent): [number, number] => {
    const r = canvas.current!.getBoundingClientRect();
    return [e.clientX - r.left, e.clientY - r.top];
  };
  useEffect(() => {
    const el = canvas.current;
    if (!el) return;
    const wheel = (e: WheelEvent) => {
      if (!e.ctrlKey && !e.metaKey && !e.shiftKey) return; // the page scrolls
      e.preventDefault();
      zoom(Math.exp((e.deltaY || e.deltaX) / 300), time(place(e)[0]));
    };
    el.addEventListener("wheel", wheel, { passive: false });
    return () => el.removeEventListener("wheel", wheel);
  });
  const keys = (e: KeyboardEvent) => {
    const act: Record<string, () => void> = {
      "+": () => zoom(0.5),
      "=": () => zoom(0.5),
      "-": () => zoom(2),
      "0": () => setRange(undefined),
      ArrowLeft: () => pan(-0.2),
      ArrowRight: () => pan(0.2),
    };
    const f = act[e.key];
    if (!f || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    f();
  };
  return (
    <div>
      <div class="row" style={{ marginBottom: "0.4rem", gap: "0.3rem" }}>
        <button class="button" type="button" onClick={() => zoom(0.5)} aria-label="Zoom in">
          +
        </button>
        <button class="button" type="button" onClick={() => zoom(2)} aria-label="Zoom out" disabled={!range}>
          −
        </button>
        <button class="button" type="button" onClick={() => setRange(undefined)} disabled={!range}>
          All
        </button>
        <span class="muted wide hint">Drag over a part to zoom in, or turn the wheel with Ctrl. Click on a task to open it.</span>
      </div>
      <div class="timeline" ref={holder} tabIndex={0} role="group" aria-label="Timeline. Plus and minus zoom, arrows move, 0 shows all. The Tasks tab has the same as a table." onKeyDown={keys}>
        <canvas
          ref={canvas}
          style={{ height: `${placed.height}px` }}
          onMouseMove={(e) => {
            const [px, py] = place(e);
            if (drag) setDrag([drag[0], px]);
            const found = find(px, py);
            setTip(found && !drag ? { ...found, x: px, y: py } : undefined);
          }}
          onMouseLeave={() => {
            setTip(undefined);
            setDrag(undefined);
          }}
          onMouseDown={(e) => e.button === 0 && setDrag([place(e)[0], place(e)[0]])}
          onMouseUp={(e) => {
            const [px, py] = place(e);
            if (drag && Math.abs(px - drag[0]) > 6) {
              const [a, b] = [time(Math.min(drag[0], px)), time(Math.max(drag[0], px))];
              if (b - a > 100) setRange([Math.max(all[0], a), Math.min(all[1], b)]);
            } else {
              const found = find(px, py);
              if (found) navigate(found.taken > 1 ? `/runs/${run}?tab=tasks&step=${encodeURIComponent(found.row.step)}` : `/runs/${run}/tasks/${found.row.task}`);
            }
            setDrag(undefined);
          }}
          onDblClick={() => setRange(undefined)}
        />
        {drag && Math.abs(drag[1] - drag[0]) > 6 ? (
          <div style={{ position: "absolute", top: 0, height: "100%", left: `${Math.min(...drag)}px`, width: `${Math.abs(drag[1] - drag[0])}px`, background: "var(--accent)", opacity: 0.15, pointerEvents: "none" }} />
        ) : null}
        {tip ? (
          <div class="tip" style={{ left: `${Math.min(tip.x + 12, Math.max(0, width - 240))}px`, top: `${tip.y + 14}px` }}>
            {tip.taken > 1 ? (
              <strong>
                {plural(tip.taken, "task")} of {tip.row.step}
              </strong>
            ) : (
              <strong>
                {tip.row.step}/{tip.row.task}
              </strong>
            )}
            {tip.row.value && tip.taken < 2 ? (
              <span class="muted">
                {" "}
                <Value of={tip.row.value} />
              </span>
            ) : null}
            {tip.taken ? (
              <div>taken over from the run before</div>
            ) : (
              <>
                <div>
                  {tip.row.status}
                  {tip.row.attempt > 0 ? `, attempt ${tip.row.attempt + 1}` : ""}, {took({ from: tip.row.started, to: tip.row.ended, now, status: tip.row.status })}
                </div>
                <div class="muted">{clock(tip.row.started)}</div>
              </>
            )}
          </div>
        ) : null}
      </div>
    </div>
  );
}

// paint draws everything. Of bars that fall on one pixel, the first of a colour is drawn: ten thousand are as quick as a thousand.
function paint(el: HTMLCanvasElement, width: number, scale: number, placed: Look, left: number, begin: number, x: (t: Micros) => number, [t0, t1]: [Micros, Micros], now: Micros): void {
  const height = placed.height;
  if (el.width !== Math.round(width * scale) || el.height !== Math.round(height * scale)) {
    el.width = Math.round(width * scale);
    el.height = Math.round(height * scale);
  }
  const c = el.getContext("2d")!;
  c.setTransform(scale, 0, 0, scale, 0, 0);
  c.clearRect(0, 0, width, height);
  c.font = font();
  const [text, muted, border, surface2] = ["text", "text-muted", "border", "surface-2"].map(colour) as [string, string, string, string];
  const span = (t1 - t0) / 1e6;
  const step = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400].find((s) => span / s <= Math.max(2, width / 110)) ?? span / 5;
  c.textAlign = "center";
  for (let s = 0; s <= span + step / 2; s += step) {
    const px = x(t0 + s * 1e6);
    c.strokeStyle = border;
    c.beginPath();
    c.moveTo(px, axis - 4);
    c.lineTo(px, height);
    c.stroke();
    c.fillStyle = muted;
    if (px < width - 24 && px > begin + 4) c.fillText("+" + (step < 1 ? `${Number(s.toFixed(3))} s` : duration(s).replace(".0 s", " s")), px, 12);
  }
  const paints: Record<string, string> = {};
  for (const [status, name] of Object.entries(colours)) paints[status] = colour(name);
  for (const { section, y, lane } of placed.sections) {
    const h = heightOf(section, lane);
    c.fillStyle = surface2;
    c.fillRect(left, y, width - left, h);
    c.fillStyle = text;
    c.textAlign = "right";
    c.fillText(labelOf(section.step), left - 8, y + 11, left - 12);
    if (section.taken.length > 0) {
      c.strokeStyle = muted;
      c.strokeRect(left + 3.5, y + 1.5, band - 9, h - 3);
    }
    const bar = lane > 5 ? lane - 1.5 : lane > 2 ? lane - 0.5 : lane;
    section.lanes.forEach((rows, i) => {
      let lastX = -1;
      let lastPaint = "";
      const top = y + i * lane;
      for (const row of rows) {
        const end = row.ended || now;
        if (end < t0 || row.started > t1) continue;
        const px = Math.max(begin, x(row.started));
        const w = Math.max(1.2, Math.min(width, x(end)) - px);
        const fill = paints[row.status] ?? muted;
        if (px + w - lastX < 0.8 && fill === lastPaint) continue;
        c.fillStyle = fill;
        c.fillRect(px, top, w > 3 ? w - 0.7 : w, bar);
        const bad = row.status === "failed" || row.status === "died";
        if ((bad || row.status === "caught") && w > 8 && bar > 6) {
          // A failure is told by more than its colour, and one that was caught by half of that.
          c.strokeStyle = surface2;
          c.beginPath();
          c.moveTo(px + bar - 2, top + 2);
          c.lineTo(px + 2, top + bar - 2);
          if (bad) {
            c.moveTo(px + 2, top + 2);
            c.lineTo(px + bar - 2, top + bar - 2);
          }
          c.stroke();
        }
        [lastX, lastPaint] = [px + w, fill];
      }
    });
  }
}
