// The rows of a timeline: what is known of each attempt, and where it is drawn. Pure.

import type { Micros, Status, Timeline } from "../api";

export interface Row {
  task: number;
  step: string;
  attempt: number; // -1: none has started
  status: Status;
  started: Micros;
  ended: Micros; // 0: not yet
  value: string;
}

// Rows are the attempts of a run, by task and attempt. It changes in place: with ten thousand rows, copies would be felt.
export class Rows {
  readonly byTask = new Map<number, Row[]>();
  readonly steps = new Set<string>(); // their names
  size = 0;
  version = 0;

  add(t: Timeline): void {
    const r = t.rows;
    for (const step of t.steps) this.steps.add(step);
    for (let i = 0; i < r.task.length; i++) {
      const status = t.statuses[r.status[i]!]!;
      const row: Row = {
        task: r.task[i]!,
        step: t.steps[r.step[i]!]!,
        attempt: r.attempt[i]!,
        status,
        started: r.started[i]!,
        ended: r.ended[i]! || (status === "died" ? r.started[i]! : 0), // it does not go on
        value: r.value[i]!,
      };
      const list = this.byTask.get(row.task);
      if (!list) {
        this.byTask.set(row.task, [row]);
        this.size++;
        continue;
      }
      const at = list.findIndex((o) => o.attempt === row.attempt || o.attempt < 0);
      if (at >= 0) list[at] = row;
      else list.push(row);
    }
    this.version++;
  }

  clear(): void {
    this.byTask.clear();
    this.steps.clear();
    this.size = 0;
    this.version++;
  }
}

export interface Filter {
  step: string;
  status: string;
  text: string; // of the id or of the foreach element
}

export type Order = "task" | "status" | "started" | "took";

const statuses: Status[] = ["failed", "died", "killed", "running", "caught", "succeeded"];

// sorted returns tasks by what needs a look first, by time, or by id. Each key is computed once: with a hundred thousand tasks, a comparison
// that computes two took most of a second.
export function sorted(list: Row[], order: Order, now: Micros): Row[] {
  const keys: Record<Order, (r: Row) => number> = {
    task: (r) => r.task,
    status: (r) => (r.attempt < 0 ? statuses.length : statuses.indexOf(r.status)),
    started: (r) => (r.attempt < 0 ? Number.MAX_VALUE : r.started),
    took: (r) => (r.attempt < 0 ? -1 : (r.ended || now) - r.started),
  };
  const keyed = list.map((row) => ({ key: keys[order](row), row }));
  keyed.sort((a, b) => a.key - b.key || a.row.task - b.row.task);
  return keyed.map((k) => k.row);
}

export function isFiltered(f: Filter): boolean {
  return Boolean(f.step || f.status || f.text);
}

export function belongs(row: Row, f: Filter): boolean {
  return (
    (!f.step || row.step === f.step) &&
    (!f.status || row.status === f.status) &&
    (!f.text || String(row.task).startsWith(f.text) || row.value.toLowerCase().includes(f.text.toLowerCase()))
  );
}

// isTaken tells what a run that resumes another took over: it had ended when this one began. since is when that was, 0 for a run that resumes none.
export function isTaken(row: Row, since: Micros): boolean {
  return since > 0 && row.ended > 0 && row.ended <= since;
}

// A section is a step with its attempts in lanes: in one lane, no two at the same time. So there are as many lanes as ran at once. What was
// taken over ran at another time, and is in none.
export interface Section {
  step: string;
  lanes: Row[][];
  taken: Row[];
}

export function sections(rows: Rows, f: Filter, now: Micros, since: Micros): Section[] {
  const by = new Map<string, Row[]>();
  for (const list of rows.byTask.values()) {
    for (const row of list) {
      if (row.attempt < 0 || !belongs(row, f)) continue;
      const of = by.get(row.step);
      if (of) of.push(row);
      else by.set(row.step, [row]);
    }
  }
  const out: (Section & { first: Micros })[] = [];
  for (const [step, list] of by) {
    list.sort((a, b) => a.started - b.started || a.task - b.task);
    const own = since ? list.filter((row) => !isTaken(row, since)) : list;
    out.push({ step, lanes: lanes(own, now), taken: since ? list.filter((row) => isTaken(row, since)) : [], first: list[0]!.started });
  }
  return out.sort((a, b) => a.first - b.first);
}

// lanes puts attempts, in the order of their starts, into the first lane that is free by then. A heap of the ends of lanes would be
// faster for thousands of lanes; what runs at once is rarely that many.
function lanes(list: Row[], now: Micros): Row[][] {
  const out: Row[][] = [];
  const ends: Micros[] = [];
  for (const row of list) {
    let at = ends.findIndex((e) => e <= row.started);
    if (at < 0) {
      at = out.length;
      out.push([]);
    }
    out[at]!.push(row);
    ends[at] = row.ended || now;
  }
  return out;
}

// extent is from when to when something of the run ran.
export function extent(rows: Rows, now: Micros, since: Micros): [Micros, Micros] {
  let [low, high] = [since || Infinity, 0];
  for (const list of rows.byTask.values()) {
    for (const row of list) {
      if (row.attempt < 0 || isTaken(row, since)) continue;
      if (row.started < low) low = row.started;
      const end = row.ended || now;
      if (end > high) high = end;
    }
  }
  return low < high ? [low, high] : since ? [since, since + 1e6] : [now - 1e6, now];
}

// pick finds the attempt of a lane that runs at a time, or is nearest to it within a distance.
export function pick(lane: Row[], at: Micros, now: Micros, within: number): Row | undefined {
  let [low, high] = [0, lane.length];
  while (low < high) {
    const mid = (low + high) >> 1;
    if (lane[mid]!.started <= at) low = mid + 1;
    else high = mid;
  }
  let best: Row | undefined;
  let distance = within;
  for (const row of [lane[low - 1], lane[low]]) {
    if (!row) continue;
    const d = at < row.started ? row.started - at : Math.max(0, at - (row.ended || now));
    if (d <= distance) [best, distance] = [row, d];
  }
  return best;
}

// shown is how many tasks belong to what is shown.
export function shown(rows: Rows, f: Filter): number {
  let n = 0;
  for (const list of rows.byTask.values()) if (list.some((row) => belongs(row, f))) n++;
  return n;
}
