// What the page of metrics draws: runs, each at a place along an axis.

import type { Point } from "../api";

// How runs are placed: by numbers, by moments, or by names, of which the first stands at 0.
export interface Axis {
  kind: "number" | "time" | "names";
  names: string[];
}

export interface Placed {
  point: Point;
  x: number;
  y: number;
}

// numberOf reads a number as people and programs write it; undefined if the text is none.
export function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const n = Number(text);
  return Number.isFinite(n) ? n : undefined;
}

// varying returns the parameters that have different values in these runs.
export function varying(points: Point[]): string[] {
  const names = new Set(points.flatMap((p) => Object.keys(p.parameters ?? {})));
  return [...names].filter((name) => new Set(points.map((p) => p.parameters?.[name])).size > 1).sort();
}

// axisOf returns the axis for "time", "run" or a parameter: numbers if all values are, else names.
export function axisOf(points: Point[], by: string): Axis {
  if (by === "time") return { kind: "time", names: [] };
  if (by === "run") return { kind: "names", names: points.map((p) => p.run).sort((a, b) => a - b).map(String) };
  const values = points.map((p) => p.parameters?.[by]).filter((v) => v !== undefined);
  if (values.length > 0 && values.every((v) => numberOf(v) !== undefined)) return { kind: "number", names: [] };
  return { kind: "names", names: [...new Set(values)].sort() };
}

// place returns the runs that have a metric and a place, from left to right.
export function place(points: Point[], metric: string, by: string, axis: Axis): Placed[] {
  const at = new Map(axis.names.map((name, i) => [name, i]));
  const where = (p: Point) => {
    if (by === "time") return p.created;
    const text = by === "run" ? String(p.run) : p.parameters?.[by];
    return axis.kind === "number" ? numberOf(text) : at.get(text ?? "");
  };
  return points
    .map((point) => ({ point, x: where(point), y: point.values[metric] }))
    .filter((p): p is Placed => p.x !== undefined && typeof p.y === "number")
    .sort((a, b) => a.x - b.x || a.point.run - b.point.run);
}

export type Key = number | string | undefined;

// sorted sorts by numbers or texts. What has none comes last, whichever way; of what is the same, the newest run comes first.
export function sorted(points: Point[], key: (p: Point) => Key, down: boolean): Point[] {
  const order = (a: Key, b: Key) => {
    if (a === b) return 0;
    if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
    const is = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
    return down ? -is : is;
  };
  return [...points].sort((a, b) => order(key(a), key(b)) || b.run - a.run);
}
