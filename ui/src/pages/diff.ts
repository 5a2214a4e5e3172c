// Line differences of two texts, for two columns. Pure.

export interface Line {
  number: number;
  text: string;
}

// A row of the two columns: both sides if the line is the same, or stands for the other; one if it is only there.
export interface DiffRow {
  kind: "same" | "changed" | "left" | "right" | "gap";
  left?: Line;
  right?: Line;
  // Of a gap: how many lines are the same and left out.
  skipped?: number;
}

const context = 3;
const mostEdits = 1000;

// The rows that show how a text became another: what differs, with a few lines around.
export function diff(left: string, right: string): DiffRow[] {
  const a = lines(left);
  const b = lines(right);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const middle = pairs(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const same: [number, number][] = [
    ...Array.from({ length: head }, (_, i): [number, number] => [i, i]),
    ...middle.map(([i, j]): [number, number] => [i + head, j + head]),
    ...Array.from({ length: tail }, (_, i): [number, number] => [a.length - tail + i, b.length - tail + i]),
  ];
  return fold(align(a, b, same));
}

function lines(text: string): string[] {
  const out = text.split("\n");
  if (out.at(-1) === "") out.pop();
  return out;
}

// The lines that two texts share, by the way of fewest edits (Myers). Texts that are too different share none.
function pairs(a: string[], b: string[]): [number, number][] {
  const reached = new Map<number, number>([[1, 0]]); // by diagonal: how far in a
  const trail: Map<number, number>[] = []; // reached, before each edit
  for (let edits = 0; edits <= mostEdits; edits++) {
    trail.push(new Map(reached));
    for (let k = -edits; k <= edits; k += 2) {
      const from = before(reached, k, edits);
      let x = (reached.get(from) ?? 0) + (from < k ? 1 : 0);
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reached.set(k, x);
      if (x >= a.length && x - k >= b.length) return walkBack(trail, a.length, b.length);
    }
  }
  return [];
}

// The diagonal from which the last edit came: from the one above by an insertion, from the one below by a deletion.
function before(reached: Map<number, number>, k: number, edits: number): number {
  const inserted = k === -edits || (k !== edits && (reached.get(k - 1) ?? -1) < (reached.get(k + 1) ?? -1));
  return inserted ? k + 1 : k - 1;
}

function walkBack(trail: Map<number, number>[], x: number, y: number): [number, number][] {
  const out: [number, number][] = [];
  for (let edits = trail.length - 1; edits >= 0; edits--) {
    const reached = trail[edits]!;
    const from = before(reached, x - y, edits);
    const fromX = reached.get(from) ?? 0;
    const fromY = fromX - from;
    while (x > fromX && y > fromY) out.push([--x, --y]);
    [x, y] = [fromX, fromY];
  }
  return out.reverse();
}

function align(a: string[], b: string[], same: [number, number][]): DiffRow[] {
  const rows: DiffRow[] = [];
  let [i, j] = [0, 0];
  for (const [x, y] of [...same, [a.length, b.length] as [number, number]]) {
    // What lies between two common lines: what can stand side by side does.
    while (i < x || j < y) {
      const left = i < x ? { number: i + 1, text: a[i]! } : undefined;
      const right = j < y ? { number: j + 1, text: b[j]! } : undefined;
      rows.push({ kind: left && right ? "changed" : left ? "left" : "right", left, right });
      if (left) i++;
      if (right) j++;
    }
    if (x < a.length)
      rows.push({ kind: "same", left: { number: x + 1, text: a[x]! }, right: { number: y + 1, text: b[y]! } });
    [i, j] = [x + 1, y + 1];
  }
  return rows;
}

function fold(rows: DiffRow[]): DiffRow[] {
  const near = new Uint8Array(rows.length);
  rows.forEach((row, at) => {
    if (row.kind !== "same") near.fill(1, Math.max(0, at - context), at + context + 1);
  });
  const out: DiffRow[] = [];
  rows.forEach((row, at) => {
    if (near[at]) out.push(row);
    else if (out.at(-1)?.kind === "gap") out.at(-1)!.skipped!++;
    else out.push({ kind: "gap", skipped: 1 });
  });
  return out;
}
