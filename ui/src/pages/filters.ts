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
  from: string; // days where the reader is, both included: "2026-11-26" or ""
  to: string;
  group: string;
}

export const statuses = ["running", "succeeded", "failed", "interrupted", "died"];

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
  ["tag", "by tag"],
  ["day", "by day"],
];

// filtersOf reads an address. What it has wrong is left out.
export function filtersOf(q: URLSearchParams): Filters {
  const day = (name: string) => (/^\d{4}-\d\d-\d\d$/.test(q.get(name) ?? "") ? q.get(name)! : "");
  const all = (name: string) => [...new Set(q.getAll(name))].filter(Boolean);
  const known = (name: string, list: [string, ...unknown[]][]) => (list.some(([n]) => n === q.get(name)) ? q.get(name)! : "");
  return {
    q: q.get("q") ?? "",
    flow: q.get("flow") ?? "",
    user: q.get("user") ?? "",
    status: statuses.includes(q.get("status") ?? "") ? q.get("status")! : "",
    tags: all("tag"),
    parameters: onePerName(all("parameter").filter((p) => p.indexOf("=") > 0)),
    since: known("since", spans),
    from: day("from"),
    to: day("to"),
    group: known("group", groups),
  };
}

// onePerName leaves the last value of each parameter: no run has two.
export function onePerName(parameters: string[]): string[] {
  return [...new Map(parameters.map((p) => [p.slice(0, p.indexOf("=")), p])).values()];
}

export function isFiltered(f: Filters): boolean {
  return Boolean(f.q || f.flow || f.user || f.status || f.tags.length || f.parameters.length || f.since || f.from || f.to);
}

// The moments between which runs were created; undefined for no bound. To the minute, so that the same question is the same for a while.
export function range(f: Filters, now: Micros): [Micros | undefined, Micros | undefined] {
  const span = spans.find(([name]) => name === f.since);
  if (span) return [(Math.floor(now / 60e6) - span[2] / 60) * 60e6, undefined];
  const midnight = (day: string, later: number) => {
    const [y, m, d] = day.split("-").map(Number) as [number, number, number];
    return new Date(y, m - 1, d + later).getTime() * 1000;
  };
  return [f.from ? midnight(f.from, 0) : undefined, f.to ? midnight(f.to, 1) : undefined];
}

// What the server is asked.
export function queryOf(f: Filters, now: Micros, limit: number, cursor = ""): Record<string, string | number | string[] | undefined> {
  const [after, before] = range(f, now);
  return { q: f.q.trim(), flow: f.flow, user: f.user, status: f.status, tag: f.tags, parameter: f.parameters, after, before, cursor, limit };
}

const mostWords = 8;

// The words of a search, each of which a run has somewhere, as the server takes them: what comes after the last of so many is one with it.
function words(search: string): string[] {
  const all = search.trim().toLowerCase().split(/\s+/).filter(Boolean);
  return all.length > mostWords ? [...all.slice(0, mostWords - 1), all.slice(mostWords - 1).join(" ")] : all;
}

// Whether a run that the server tells of belongs to what is shown.
export function matches(f: Filters, r: Run, now: Micros): boolean {
  const tags = [...r.tags, ...r.system_tags];
  const texts = [r.flow, r.user, ...r.tags, ...Object.values(r.parameters ?? {})].map((text) => text.toLowerCase());
  const [after, before] = range(f, now);
  return (
    (!f.flow || r.flow === f.flow) &&
    (!f.user || r.user === f.user) &&
    (!f.status || r.status === f.status) &&
    f.tags.every((t) => tags.includes(t)) &&
    f.parameters.every((p) => {
      const at = p.indexOf("=");
      return r.parameters?.[p.slice(0, at)] === p.slice(at + 1);
    }) &&
    (after === undefined || r.created >= after) &&
    (before === undefined || r.created < before) &&
    words(f.q).every((word) => String(r.id).startsWith(word) || texts.some((text) => text.includes(word)))
  );
}
