// Where the steps of a graph are drawn. Pure.
//
// Each step gets a row: one more than the lowest of those before it. Within the rows, steps are put near the middle of their
// neighbours, a few times over, which unties most crossings. An edge over several rows goes through places of its own in
// between. An edge back to an earlier row, as loops have, is drawn around the side.

import type { Graph } from "../api";

export interface Box {
  name: string;
  x: number;
  y: number;
  w: number;
  h: number;
  stacked: boolean; // one of many tasks
}

export interface Edge {
  from: string;
  to: string;
  points: [number, number][];
  back: boolean;
}

export interface Layout {
  boxes: Box[];
  edges: Edge[];
  width: number;
  height: number;
}

export const boxHeight = 44;
const gapX = 34;
const gapY = 38;
const pad = 16;

interface Place {
  name?: string; // none: an edge passes
  row: number;
  order: number;
  w: number;
  x: number;
  up: Place[];
  down: Place[];
}

// bodies gives the steps that are inside each foreach and each gang, by the step that opens it.
function bodies(g: Graph): Map<string, Set<string>> {
  const all = new Map<string, Set<string>>();
  for (const s of Object.values(g.steps)) {
    if (s.type === "split-foreach" || s.type === "split-parallel") all.set(s.name, after(g, s.name, s.matching_join));
  }
  return all;
}

// after gives the steps that can come after one, up to another that is not among them.
function after(g: Graph, from: string, until?: string): Set<string> {
  const seen = new Set<string>();
  const todo = [...g.steps[from]!.next];
  while (todo.length) {
    const name = todo.pop()!;
    if (seen.has(name) || name === until || !g.steps[name]) continue;
    seen.add(name);
    todo.push(...g.steps[name].next);
  }
  return seen;
}

// many tells which steps are inside a foreach or a gang: their tasks are many.
export function many(g: Graph): Set<string> {
  return new Set([...bodies(g).values()].flatMap((body) => [...body]));
}

// asWide gives the steps that have as many tasks as one foreach, or gang, is wide. Not those of a foreach within another, or in a loop, which
// has several widths; and not those after a choice, which some tasks leave out.
export function asWide(g: Graph): Set<string> {
  const all = bodies(g);
  const out = new Set<string>();
  for (const [opener, body] of all) {
    if (after(g, opener).has(opener) || [...all.values()].some((other) => other.has(opener))) continue;
    const chosen = new Set([...body].filter((name) => g.steps[name]!.type === "split-switch").flatMap((name) => [...after(g, name)]));
    const nested = new Set([...body].flatMap((name) => [...(all.get(name) ?? [])]));
    for (const name of body) if (!chosen.has(name) && !nested.has(name)) out.add(name);
  }
  return out;
}

const name = { letter: 7.8, room: 30, longest: 40 };
const text = { letter: 6.9, room: 24 };

// shortName is the name of a step as it is drawn.
export function shortName(of: string): string {
  return of.length > name.longest ? of.slice(0, name.longest - 1) + "…" : of;
}

// widthOf is how wide a box is that has a name and a text under it. It grows in steps, so that not every task that ends moves all boxes.
export function widthOf(of: string, said: string): number {
  const need = Math.max(148, shortName(of).length * name.letter + name.room, said.length * text.letter + text.room);
  return Math.ceil(need / 24) * 24;
}

// layout places the boxes of steps, which are as wide as widths has them.
export function layout(g: Graph, widths: ReadonlyMap<string, number> = new Map()): Layout {
  const names = Object.keys(g.steps);
  const row = rows(g, names);
  const stacked = many(g);
  const places = new Map<string, Place>();
  const byRow: Place[][] = [];
  const put = (p: Place) => {
    (byRow[p.row] ??= []).push(p);
    p.order = byRow[p.row]!.length - 1;
    return p;
  };
  for (const name of [...names].sort((a, b) => row.get(a)! - row.get(b)!)) {
    const w = widths.get(name) ?? widthOf(name, "");
    places.set(name, put({ name, row: row.get(name)!, order: 0, w, x: 0, up: [], down: [] }));
  }
  const edges: { from: Place; to: Place; via: Place[]; back: boolean }[] = [];
  for (const name of names) {
    for (const to of g.steps[name]!.next) {
      const [a, b] = [places.get(name)!, places.get(to)];
      if (!b) continue;
      if (b.row <= a.row) {
        edges.push({ from: a, to: b, via: [], back: true });
        continue;
      }
      const via: Place[] = [];
      let at = a;
      for (let r = a.row + 1; r < b.row; r++) {
        const p = put({ row: r, order: 0, w: 8, x: 0, up: [at], down: [] });
        at.down.push(p);
        via.push(p);
        at = p;
      }
      at.down.push(b);
      b.up.push(at);
      edges.push({ from: a, to: b, via, back: false });
    }
  }
  order(byRow);
  const width = positions(byRow);
  const y = (r: number) => pad + r * (boxHeight + gapY);
  let right = width;
  const drawn: Edge[] = edges.map((e) => {
    if (e.back) {
      const side = Math.max(e.from.x + e.from.w / 2, e.to.x + e.to.w / 2) + 26;
      right = Math.max(right, side + 12);
      const [y0, y1] = [y(e.from.row) + boxHeight / 2 + 8, y(e.to.row) + boxHeight / 2 - 8];
      return {
        from: e.from.name!,
        to: e.to.name!,
        back: true,
        points: [
          [e.from.x + e.from.w / 2, y0],
          [side, y0],
          [side, y1],
          [e.to.x + e.to.w / 2, y1],
        ],
      };
    }
    const points: [number, number][] = [[e.from.x, y(e.from.row) + boxHeight]];
    for (const p of e.via) points.push([p.x, y(p.row)], [p.x, y(p.row) + boxHeight]);
    points.push([e.to.x, y(e.to.row)]);
    return { from: e.from.name!, to: e.to.name!, back: false, points };
  });
  const boxes = [...places.values()].map((p) => ({ name: p.name!, x: p.x - p.w / 2, y: y(p.row), w: p.w, h: boxHeight, stacked: stacked.has(p.name!) }));
  return { boxes, edges: drawn, width: right + pad, height: y(byRow.length - 1) + boxHeight + pad + 6 };
}

// rows gives each step its row. Edges that lead back, found on the way from the start, do not count.
function rows(g: Graph, names: string[]): Map<string, number> {
  const back = new Set<string>();
  const state = new Map<string, 1 | 2>();
  const visit = (name: string) => {
    state.set(name, 1);
    for (const to of g.steps[name]?.next ?? []) {
      if (!g.steps[to]) continue;
      if (state.get(to) === 1) back.add(name + "\0" + to);
      else if (!state.has(to)) visit(to);
    }
    state.set(name, 2);
  };
  const start = g.start_step ?? "start";
  for (const name of [start, ...names]) if (g.steps[name] && !state.has(name)) visit(name);
  const row = new Map<string, number>(names.map((n) => [n, 0]));
  for (let changed = true, turns = 0; changed && turns <= names.length; turns++) {
    changed = false;
    for (const name of names) {
      for (const to of g.steps[name]!.next) {
        if (!g.steps[to] || back.has(name + "\0" + to)) continue;
        if (row.get(to)! < row.get(name)! + 1) {
          row.set(to, row.get(name)! + 1);
          changed = true;
        }
      }
    }
  }
  return row;
}

function order(byRow: Place[][]): void {
  const sort = (list: Place[], side: "up" | "down") => {
    const middle = (p: Place) => (p[side].length ? p[side].reduce((sum, o) => sum + o.order, 0) / p[side].length : p.order);
    const keyed = list.map((p) => [middle(p), p] as const).sort((a, b) => a[0] - b[0]);
    list.splice(0, list.length, ...keyed.map(([, p]) => p));
    list.forEach((p, i) => (p.order = i));
  };
  for (let turn = 0; turn < 6; turn++) {
    for (let r = 1; r < byRow.length; r++) sort(byRow[r]!, "up");
    for (let r = byRow.length - 2; r >= 0; r--) sort(byRow[r]!, "down");
  }
}

// positions gives each place its x and returns the width of all.
function positions(byRow: Place[][]): number {
  for (const list of byRow) {
    let x = 0;
    for (const p of list) {
      p.x = x + p.w / 2;
      x += p.w + gapX;
    }
  }
  for (let turn = 0; turn < 12; turn++) {
    const down = turn % 2 === 0;
    for (const list of down ? byRow : [...byRow].reverse()) {
      const near = list.map((p) => {
        const of = down ? p.up : p.down;
        return of.length ? of.reduce((sum, o) => sum + o.x, 0) / of.length : p.x;
      });
      spread(list, near);
    }
  }
  const low = Math.min(...byRow.flat().map((p) => p.x - p.w / 2));
  for (const p of byRow.flat()) p.x += pad - low;
  return Math.max(...byRow.flat().map((p) => p.x + p.w / 2));
}

// spread puts the places of a row near where they want to be, in their order and without touching: those that push each other
// become a block that stands where its members want it on average.
function spread(list: Place[], near: number[]): void {
  const blocks: { want: number; n: number; width: number; members: Place[] }[] = [];
  list.forEach((p, i) => {
    blocks.push({ want: near[i]!, n: 1, width: p.w, members: [p] });
    while (blocks.length > 1) {
      const b = blocks.at(-1)!;
      const a = blocks.at(-2)!;
      if (a.want / a.n + a.width / 2 + gapX <= b.want / b.n - b.width / 2) break;
      blocks.pop();
      const width = a.width + gapX + b.width;
      // Each member wants the middle of the block to be where it gets its own place.
      a.want = a.want + a.n * ((width - a.width) / 2) + b.want - b.n * ((width - b.width) / 2);
      a.n += b.n;
      a.width = width;
      a.members.push(...b.members);
    }
  });
  for (const b of blocks) {
    let x = b.want / b.n - b.width / 2;
    for (const p of b.members) {
      p.x = x + p.w / 2;
      x += p.w + gapX;
    }
  }
}
