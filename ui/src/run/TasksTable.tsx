// The tasks of a run as a table: the timeline for those who read it, or cannot see it.

import { useLayoutEffect, useMemo, useState } from "preact/hooks";
import type { Micros } from "../api";
import { StatusPill, Took } from "../components/basic";
import { useKeys, useWayBack } from "../components/hooks";
import { Value } from "../components/Value";
import { clock, exact, moment, number, plural } from "../format";
import { keep, kept, navigate, setQuery, useAddress } from "../router";
import { belongs, type Filter, isFiltered, type Order, type Row, type Rows, sorted } from "./rows";

const page = 200;

// What tasks are sorted by, and how first: who asks how long tasks took looks for the longest.
const orders: [Order, "" | "-"][] = [
  ["task", ""],
  ["status", ""],
  ["started", ""],
  ["took", "-"],
];

// Started is a time of day. On a phone the thousandths give way to the names of steps.
function Started({ at, dated }: { at: Micros; dated: boolean }) {
  const [seconds, thousandths] = clock(at).split(".");
  return (
    <>
      {dated ? `${day(at)} ` : ""}
      {seconds}
      <span class="wide">.{thousandths}</span>
    </>
  );
}

const day = (t: Micros) => moment(t).slice(5, 10);

export function TasksTable({ run, rows, version, filter, now }: { run: number; rows: Rows; version: number; filter: Filter; now: Micros }) {
  // What the way back from a task finds again.
  const [shown, setShown] = useState(() => kept<number>("shown") ?? page);
  const [task, setTask] = useState(() => kept<number>("task")); // where the keys are
  useLayoutEffect(() => keep("shown", shown), [shown, location.search]);
  useLayoutEffect(() => keep("task", task), [task, location.search]);
  const sort = useAddress().searchParams.get("sort") ?? "";
  const order = orders.find(([name]) => name === sort.replace("-", ""))?.[0] ?? "task";
  const down = sort.startsWith("-");
  const ticks = order === "took" ? now : 0; // what runs takes longer and longer
  const all = useMemo(() => {
    const lasts: Row[] = [];
    for (const attempts of rows.byTask.values()) {
      const last = attempts.at(-1)!;
      if (belongs(last, filter)) lasts.push(last);
    }
    return lasts;
  }, [rows, version, filter.step, filter.status, filter.text]);
  const list = useMemo(() => (down ? sorted(all, order, now).reverse() : sorted(all, order, now)), [all, order, down, ticks]);
  const drawn = Math.min(shown, list.length);
  useWayBack(drawn, drawn === shown);
  const at = task === undefined ? -1 : list.findIndex((r) => r.task === task);
  const overMidnight = useMemo(() => {
    const starts = list.filter((r) => r.attempt >= 0).map((r) => r.started);
    const [first, last] = [starts.reduce((a, b) => Math.min(a, b), Infinity), starts.reduce((a, b) => Math.max(a, b), 0)];
    return last > 0 && day(first) !== day(last);
  }, [list]);
  const move = (by: number) => {
    const to = Math.max(0, Math.min(drawn - 1, at + by));
    setTask(list[to]?.task);
    document.querySelector(`[data-task-row="${to}"]`)?.scrollIntoView({ block: "nearest" });
  };
  useKeys([
    { keys: "j", about: "Next task", run: () => move(1) },
    { keys: "k", about: "Previous task", run: () => move(-1) },
    { keys: "Enter", about: "Open the task", run: () => list[at] && navigate(`/runs/${run}/tasks/${list[at].task}`) },
  ]);
  const head = (name: Order, text: string, kind?: string) => {
    const is = name === order;
    const first = orders.find(([n]) => n === name)![1]; // as it is sorted by the first click
    const next = is ? (down ? "" : "-") : first;
    return (
      <th class={kind} aria-sort={is ? (down ? "descending" : "ascending") : undefined}>
        <button class="sort" type="button" onClick={() => setQuery({ sort: next + name === "task" ? undefined : next + name })}>
          {text} <span aria-hidden="true">{is ? (down ? "▾" : "▴") : ""}</span>
        </button>
      </th>
    );
  };
  if (list.length === 0) return <p class="empty">{isFiltered(filter) ? "No task matches these filters." : "No task has started yet."}</p>;
  return (
    <div class={`scroll tasks ${overMidnight ? "days" : ""}`}>
      <table class="grid">
        <caption class="hidden">Tasks of run {run}</caption>
        <thead>
          <tr>
            {head("task", "Task")}
            {head("status", "Status")}
            <th class="wide">Value</th>
            <th class="num wide">Attempts</th>
            {head("started", "Started")}
            {head("took", "Took", "num")}
          </tr>
        </thead>
        <tbody>
          {list.slice(0, shown).map((r, i) => (
            <tr key={r.task} data-task-row={i} class={i === at ? "current" : ""} onClick={() => keep("task", r.task)}>
              <td>
                <a href={`/runs/${run}/tasks/${r.task}`}>
                  {r.step}/{r.task}
                </a>
              </td>
              <td>
                <StatusPill status={r.status} />
              </td>
              <td class="wide">
                <div class="clip mono">
                  <Value of={r.value} />
                </div>
              </td>
              <td class="num wide">{rows.byTask.get(r.task)?.length}</td>
              <td title={r.attempt < 0 ? undefined : exact(r.started)}>{r.attempt < 0 ? "" : <Started at={r.started} dated={overMidnight} />}</td>
              <td class="num">{r.attempt < 0 ? "" : <Took from={r.started} to={r.ended} now={now} status={r.status} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div class="row" style={{ padding: "0.6rem" }}>
        <span class="muted">
          {number(Math.min(shown, list.length))} of{" "}
          {isFiltered(filter) && list.length > shown ? `${number(list.length)} matching, of ` : ""}
          {plural(isFiltered(filter) ? rows.size : list.length, "task")}
        </span>
        {list.length > shown ? (
          <button class="button" type="button" onClick={() => setShown(shown + 5 * page)}>
            Show more
          </button>
        ) : null}
      </div>
    </div>
  );
}
