// What of the runs is shown: filters that live in the address, so that a link and the back button show the same.

import type { Micros, Run } from "../api";

export interface Filters {
  q: string;
  flow: string;
  user: string;
  status: string;
  tags: string[];
  parameters: string[]; // NAME=VALUE
  since: string; // "1h", "1d", "7d", "30d" or ""
  group: string;
}

export const spans: [string, string, number][] = [
  ["1h", "last hour", 3600],
  ["1d", "last day", 86400],
  ["7d", "last 7 days", 7 * 86400],
  ["30d", "last 30 days", 30 * 86400],
];

export const groups: [string, string][] = [
  ["flow", "by flow"],
  ["user", "by user"],
  ["status", "by status"],
  ["branch", "by project and branch"],
  ["day", "by day"],
];

export function filtersOf(q: URLSearchParams): Filters {
  return {
    q: q.get("q") ?? "",
    flow: q.get("flow") ?? "",
    user: q.get("user") ?? "",
    status: q.get("status") ?? "",
    tags: q.getAll("tag"),
    parameters: q.getAll("parameter"),
    since: q.get("since") ?? "",
    group: q.get("group") ?? "",
  };
}

export function isFiltered(f: Filters): boolean {
  return Boolean(f.q || f.flow || f.user || f.status || f.tags.length || f.parameters.length || f.since);
}

// What the server is asked.
export function queryOf(f: Filters, now: Micros, cursor = ""): Record<string, string | string[] | undefined> {
  const span = spans.find(([name]) => name === f.since);
  return {
    q: f.q,
    flow: f.flow,
    user: f.user,
    status: f.status,
    tag: f.tags,
    parameter: f.parameters,
    // To the minute, so that the same question is the same for a while.
    after: span ? String((Math.floor(now / 60e6) - span[2] / 60) * 60e6) : undefined,
    cursor,
    limit: "100",
  };
}

// Whether a run that the server tells of belongs to what is shown.
export function matches(f: Filters, r: Run, now: Micros): boolean {
  const tags = [...r.tags, ...r.system_tags];
  const q = f.q.toLowerCase();
  const span = spans.find(([name]) => name === f.since);
  return (
    (!f.flow || r.flow === f.flow) &&
    (!f.user || r.user === f.user) &&
    (!f.status || r.status === f.status) &&
    f.tags.every((t) => tags.includes(t)) &&
    f.parameters.every((p) => {
      const at = p.indexOf("=");
      return r.parameters?.[p.slice(0, at)] === p.slice(at + 1);
    }) &&
    (!span || r.created >= now - span[2] * 1e6) &&
    (!q ||
      String(r.id).startsWith(q) ||
      [r.flow, r.user, ...tags, ...Object.values(r.parameters ?? {})].some((text) => text.toLowerCase().includes(q)))
  );
}

// merge puts a run that is new or has changed into the list, which has the newest first.
export function merge(list: Run[], run: Run, belongs: boolean): Run[] {
  const at = list.findIndex((r) => r.id === run.id);
  if (at >= 0) {
    if (!belongs) return list.filter((r) => r.id !== run.id);
    const copy = list.slice();
    copy[at] = { ...run, tasks: run.tasks ?? list[at]!.tasks! };
    return copy;
  }
  if (!belongs) return list;
  const before = list.findIndex((r) => r.id < run.id);
  // One that is older than all that are shown comes with its page.
  if (before < 0) return list.length === 0 ? [run] : list;
  return [...list.slice(0, before), run, ...list.slice(before)];
}

export function groupOf(group: string, r: Run): string {
  switch (group) {
    case "flow":
      return r.flow;
    case "user":
      return r.user;
    case "status":
      return r.status;
    case "branch":
      return r.project ? `${r.project} / ${r.branch ?? ""}` : "no project";
    case "day":
      return new Date(r.created / 1000).toLocaleDateString("en-CA");
  }
  return "";
}
