// Artifacts that are not the same in all runs, each so that one sees what it is and how it differs. Pure.

import { type Preview, Problem, type TaskRef } from "../api";
import { number } from "../format";
import { oneLine } from "../task/PreviewView";

// What there is to see of an artifact of one run: why there is nothing, if its preview failed; undefined if the run has no such artifact.
export type Shown = Preview | Problem | undefined;

export const seen = (s: Shown): Preview | undefined => (s instanceof Problem ? undefined : s);

// A value of one run, undefined if it has none, with what is said of it beside; or why it cannot be shown.
export interface Cell {
  text?: string | undefined;
  beside?: string | undefined;
  of?: Preview;
  alike?: boolean; // there is another that looks the same here and is not
  problem?: Problem;
}

// together returns an artifact that is the same in all runs.
export function together(list: Shown[]): Cell[] {
  return list.map((p) => (p instanceof Problem ? { problem: p } : p ? { text: oneLine(p), of: p } : {}));
}

// apart returns an artifact of runs so that values that are not the same can be told apart: by their text, else by their types, else by
// where they differ, as far as that is known.
export function apart(runs: number[], list: Shown[]): Cell[] {
  const all = list.map(seen);
  const like = (p: Preview, look: (p: Preview) => string) => all.map((o) => (o && look(o) === look(p) ? o : undefined));
  const rounded = (p: Preview) => like(p, oneLine).some((o) => o && o.hash !== p.hash);
  const look = (p: Preview) => (asText.has(p.kind) || (p.kind === "number" && rounded(p)) ? (p.text ?? "") : oneLine(p));
  const first = all[0]?.number;
  return list.map((p, i) => {
    if (p instanceof Problem) return { problem: p };
    if (!p) return {};
    const cell: Cell = { text: look(p), of: p };
    const likes = like(p, look);
    if (likes.every((o) => !o || o.hash === p.hash)) {
      if (typeof first === "number" && typeof p.number === "number" && p.number !== first) cell.beside = change(p.number, first);
      return cell;
    }
    if (likes.some((o) => o && o.type !== p.type)) return { ...cell, beside: p.type };
    const before = likes.findIndex((o) => o);
    const same = likes.findIndex((o) => o?.hash === p.hash);
    if (same < i) cell.beside = `the same as in run ${runs[same]}`;
    else if (before < i) cell.beside = `differs from run ${runs[before]}${where(p, likes[before]!)}`;
    return { ...cell, alike: true };
  });
}

// Kinds of which the text is the value, or tells it as far as it goes.
const asText: ReadonlySet<Preview["kind"]> = new Set(["text", "json", "object", "unknown"]);

// where tells where two values that look alike in one line differ, as far as their previews have it.
function where(p: Preview, from: Preview): string {
  if (p.kind === "image") return ""; // one sees it
  if (p.length !== from.length) return ` in length: ${number(p.length ?? 0)}, there ${number(from.length ?? 0)}`;
  return inRows(p, from) ?? inSample(p, from) ?? (p.kind === "bytes" ? inDump(p, from) : undefined) ?? ", though it looks the same here";
}

// inRows finds the first cell that is not the same among the first rows.
function inRows(p: Preview, from: Preview): string | undefined {
  const [rows, others] = [p.rows ?? [], from.rows ?? []];
  for (let i = 0; i < Math.min(rows.length, others.length); i++) {
    const j = rows[i]!.findIndex((c, j) => c !== others[i]![j]);
    if (j < 0) continue;
    const place = p.kind === "table" ? `in row ${p.index?.[i] ?? number(i)}, column ${p.columns?.[j] ?? j}` : `at [${p.shape?.length === 1 ? i : `${i}, ${j}`}]`;
    return ` ${place}: ${rows[i]![j]}, there ${others[i]![j]}`;
  }
  return undefined;
}

// inSample finds the first number that is not the same among those that are chosen evenly of a long array.
function inSample(p: Preview, from: Preview): string | undefined {
  const [values, others] = [p.values ?? [], from.values ?? []];
  const j = values.findIndex((v, j) => j < others.length && v !== others[j]);
  if (j < 0) return undefined;
  const say = (v: number | null | undefined) => (typeof v === "number" ? number(v) : "not finite");
  const exact = placeOf(p, values.length - 1) === values.length - 1; // all numbers are there
  return ` at [${indices(placeOf(p, j), p.shape)}]${exact ? "" : ", or before"}: ${say(values[j])}, there ${say(others[j])}`;
}

// inDump finds the first line of two hex dumps that is not the same. Each begins with its place.
function inDump(p: Preview, from: Preview): string | undefined {
  const [lines, others] = [p.text ?? "", from.text ?? ""].map((t) => t.split("\n")) as [string[], string[]];
  const i = lines.findIndex((l, i) => l !== others[i]);
  const place = Number.parseInt(lines[i]?.slice(0, 8) ?? "", 16);
  return Number.isNaN(place) ? undefined : ` in the 16 bytes from ${number(place)} on`;
}

// placeOf is where in an array the i-th number that is shown of it stands: of a long one only some are shown, evenly chosen.
export function placeOf(p: Preview, i: number): number {
  const shown = p.values!.length;
  const all = p.shape?.length ? p.shape.reduce((a, b) => a * b, 1) : shown;
  return shown > 1 ? Math.floor((i * (all - 1)) / (shown - 1)) : i;
}

// indices are those of an element of an array that is the n-th in the order of rows.
function indices(n: number, shape: number[] = []): string {
  const out: number[] = [];
  for (const size of [...shape].reverse()) {
    out.unshift(n % size);
    n = Math.floor(n / size);
  }
  return out.join(", ");
}

// change is how far a number is from another: as a share, unless that says little.
function change(to: number, from: number): string {
  const d = to - from;
  const sign = d > 0 ? "+" : "−";
  const percent = Math.abs((100 * d) / from);
  if (from === 0 || percent < 0.05) return `${sign}${number(Math.abs(d))}`;
  if (percent >= 1000 && to / from > 0) return `${number(Number((to / from).toPrecision(3)))} times as much`;
  if (percent >= 1000) return `${sign}${number(Math.abs(d))}`;
  const fine = percent < 10 || (percent > 99 && percent < 100); // nothing is left only of what fell by 100 %
  return `${sign}${percent.toFixed(fine ? 1 : 0)} %`;
}

// toSee is the command that shows all of an artifact: it prints what is plain data, and writes anything else to a file.
export function toSee(p: Preview, run: number, task: TaskRef): string {
  const plain = p.kind === "text" || p.kind === "json" || p.type === "list";
  return `levada dump ${run}/${task.step}/${task.id} --include ${p.name} ${plain ? `--max-value-size ${p.size}` : `--file ${p.name}.pickle`}`;
}
