// The runs that the list holds, what a live update makes of them, and the rows that are drawn.

import type { Run } from "../api";

export interface List {
  runs: Run[]; // the newest first
  next: string; // where the next page begins; empty at the end
}

// append puts one more page under the list. What is there already stays as it is: an update may have been faster.
export function append(list: List, page: List): List {
  const have = new Set(list.runs.map((r) => r.id));
  return { runs: [...list.runs, ...page.runs.filter((r) => !have.has(r.id))], next: page.next };
}

// merge puts a run that is new or has changed into the list, or takes it out.
export function merge(list: List, run: Run, belongs: boolean): List {
  const at = list.runs.findIndex((r) => r.id <= run.id);
  const old = list.runs[at]?.id === run.id ? list.runs[at] : undefined;
  if (!belongs) return old ? { ...list, runs: list.runs.toSpliced(at, 1) } : list;
  if (old) return { ...list, runs: list.runs.with(at, { ...run, tasks: run.tasks ?? old.tasks! }) };
  if (at >= 0) return { ...list, runs: list.runs.toSpliced(at, 0, run) };
  // One that is older than all that are loaded comes with its page.
  return list.next ? list : { ...list, runs: [...list.runs, run] };
}

// without takes out runs that are not there any more: had are the ids of those that were in the list when a page was asked for, and page is
// what the server answered. What came in between is newer than the answer, and what comes behind the page is not known.
export function without(list: List, had: ReadonlySet<number>, page: List): List {
  const there = new Set(page.runs.map((r) => r.id));
  const least = page.next ? page.runs.at(-1)!.id : -1;
  const runs = list.runs.filter((r) => there.has(r.id) || !had.has(r.id) || r.id < least);
  return runs.length === list.runs.length ? list : { ...list, runs };
}

export type Row = { run: Run; head?: undefined } | { run?: undefined; head: Head };

export interface Head {
  name: string;
  runs: number;
  running: number;
  failed: number;
}

// By status, what needs a look comes first.
const statuses: string[] = ["failed", "died", "running", "interrupted", "succeeded"];

// rowsOf returns the rows as they are shown: with groups, each under its name, in the order of their newest runs. A run with several
// tags is in several groups. Of a closed group only the name is shown.
export function rowsOf(runs: Run[], group: string, closed: ReadonlySet<string>): Row[] {
  if (!group) return runs.map((run) => ({ run }));
  const by = new Map<string, Run[]>();
  for (const run of runs) {
    for (const name of groupsOf(group, run)) {
      const list = by.get(name);
      if (list) list.push(run);
      else by.set(name, [run]);
    }
  }
  const groups = [...by];
  if (group === "status") groups.sort(([a], [b]) => statuses.indexOf(a) - statuses.indexOf(b));
  return groups.flatMap(([name, list]): Row[] => {
    const head = {
      name,
      runs: list.length,
      running: list.filter((r) => r.status === "running").length,
      failed: list.filter((r) => r.status === "failed" || r.status === "died").length,
    };
    return [{ head }, ...(closed.has(name) ? [] : list.map((run): Row => ({ run })))];
  });
}

function groupsOf(group: string, r: Run): string[] {
  switch (group) {
    case "flow":
      return [r.flow];
    case "user":
      return [r.user || "no user"];
    case "status":
      return [r.status];
    case "branch":
      return [r.project ? `${r.project} / ${r.branch ?? ""}` : "no project"];
    case "tag":
      return r.tags.length ? r.tags : ["no tag"];
    default:
      return [new Date(r.created / 1000).toLocaleDateString("en-CA")];
  }
}

// inSight returns the rows that lie between two heights: the first, and the one after the last. starts has where each row begins, and
// where the last one ends.
export function inSight(starts: number[], from: number, to: number): [number, number] {
  const rows = starts.length - 1;
  const at = (y: number) => {
    let [low, high] = [0, rows];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle + 1]! <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return [Math.min(at(from), rows), Math.min(at(to) + 1, rows)];
}
