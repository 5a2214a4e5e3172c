// The rows of the list of runs. Only those in sight are drawn.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { isOurs, type Micros, type Run } from "../api";
import { StatusPill, TaskBar, Took, When } from "../components/basic";
import { useKeys, useMedia, useWayBack } from "../components/hooks";
import { Value } from "../components/Value";
import { number, plural, problem, visible } from "../format";
import { keep, kept, navigate, setQuery } from "../router";
import type { Filters } from "./filters";
import { type Head, inSight, type Row, rowsOf } from "./list";
import type { Runs } from "./useRuns";

interface Props {
  runs: Runs;
  f: Filters;
  now: Micros;
  chosen: ReadonlySet<number>;
  choose: (chosen: ReadonlySet<number>) => void;
  compare: () => void;
}

const beyond = 400; // pixels that are drawn out of sight
const loadBefore = 1500; // pixels before the end
const underHeader = 90;

export function RunsGrid({ runs, f, now, chosen, choose, compare }: Props) {
  const list = runs.list!;
  const [closed, setClosed] = useState<ReadonlySet<string>>(() => new Set(kept<string[]>("closed")));
  useLayoutEffect(() => keep("closed", [...closed]), [closed, location.search]);
  const [at, setAt] = useState(() => kept<number>("at")); // the run where the keys are
  useLayoutEffect(() => keep("at", at), [at, location.search]);
  const from = useRef<number>(undefined); // where a range of choices begins
  const body = useRef<HTMLDivElement>(null);
  const narrow = useMedia("(max-width: 760px)");
  const height = narrow ? 86 : 37;
  const heightOf = (row: Row) => (row.head ? 36 : height + (whyOf(row.run) ? 18 : 0));

  const rows = useMemo(() => rowsOf(list.runs, f.group, closed), [list.runs, f.group, closed]);
  const starts = useMemo(() => {
    const out = [0];
    for (const row of rows) out.push(out.at(-1)! + heightOf(row));
    return out;
  }, [rows, height]);
  const sight = useSight(body);
  const [first, end] = inSight(starts, sight[0] - beyond, sight[1] + beyond);
  useStay(body, rows, starts);
  useWayBack(list.runs.length, !list.next);
  useLayoutEffect(() => keep("loaded", list.runs.length), [list.runs.length]);
  useEffect(() => {
    if (starts.at(-1)! - sight[1] < loadBefore) runs.more();
  });

  const index = Math.max(
    0,
    rows.findIndex((r) => r.run && (at === undefined || r.run.id === at)),
  );
  const current = rows[index]?.run;
  const move = (by: number) => {
    let to = index + by;
    while (rows[to]?.head) to += by;
    const run = rows[to]?.run;
    if (!run || !body.current) return;
    setAt(run.id);
    const [top, high] = [body.current.getBoundingClientRect().top + starts[to]!, heightOf(rows[to]!)];
    if (top < underHeader) window.scrollBy(0, top - underHeader);
    else if (top + high > innerHeight) window.scrollBy(0, top + high - innerHeight + 8);
  };
  const toggle = (run: Run, range: boolean) => {
    const next = new Set(chosen);
    const ids = rows.flatMap((r) => (r.run ? [r.run.id] : []));
    const begin = ids.indexOf(from.current ?? run.id);
    const until = ids.indexOf(run.id);
    if (range && begin >= 0) for (const id of ids.slice(Math.min(begin, until), Math.max(begin, until) + 1)) next.add(id);
    else if (!next.delete(run.id)) next.add(run.id);
    from.current = run.id;
    setAt(run.id);
    choose(next);
  };
  useKeys([
    { keys: "j", about: "Next run", run: () => move(1) },
    { keys: "k", about: "Previous run", run: () => move(-1) },
    { keys: "Enter", about: "Open the run", run: () => current && navigate(`/runs/${current.id}`) },
    { keys: "x", about: "Select the run", run: () => current && toggle(current, false) },
    { keys: "X", about: "Select all runs from the last selected one to this one", run: () => current && toggle(current, true) },
    { keys: "c", about: "Compare the selected runs", run: compare },
    { keys: "m", about: "Metrics of the run's flow", run: () => current && navigate(`/flows/${encodeURIComponent(current.flow)}/metrics`) },
  ]);

  const columns = ["Run", "Status", "Started", "Took", "Tasks", "User", "Parameters", "Tags"];
  return (
    <div class={`panel runs ${runs.stale ? "stale" : ""}`} role="table" aria-label="Runs, the newest first" aria-busy={runs.stale} aria-rowcount={list.next ? -1 : rows.length + 1}>
      <div role="rowgroup" class="runs-head">
        <div role="row" class="run-row">
          <span role="columnheader">
            <span class="hidden">Selected</span>
          </span>
          {columns.map((name) => (
            <span role="columnheader" class={name === "Took" ? "num" : ""}>
              {name}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" class="runs-body" ref={body} style={{ height: `${starts.at(-1)!}px` }}>
        {rows.slice(first, end).map((row, i) => {
          const place = { top: `${starts[first + i]!}px`, height: `${heightOf(row)}px` };
          return row.run ? (
            <Line
              key={f.group === "tag" ? `${first + i}-${row.run.id}` : row.run.id}
              run={row.run}
              row={first + i}
              place={place}
              now={now}
              tags={f.tags}
              current={first + i === index}
              chosen={chosen.has(row.run.id)}
              toggle={toggle}
            />
          ) : (
            <GroupHead
              key={`group ${row.head.name}`}
              head={row.head}
              row={first + i}
              place={place}
              flow={f.group === "flow"}
              whole={!list.next}
              closed={closed.has(row.head.name)}
              toggle={() => {
                const next = new Set(closed);
                if (!next.delete(row.head.name)) next.add(row.head.name);
                setClosed(next);
              }}
            />
          );
        })}
      </div>
    </div>
  );
}

// whyOf is why a run did not succeed, in one line, where that is known and its status does not say it.
function whyOf(r: Run): string {
  if (r.status === "died") return isOurs(r) ? "its process is gone" : "Metaflow is no longer heard from";
  return r.status === "failed" ? problem(r.problem ?? "") : "";
}

type Place = { top: string; height: string };

interface GroupProps {
  head: Head;
  row: number;
  place: Place;
  flow: boolean;
  whole: boolean; // all runs are loaded; else more of the group may come
  closed: boolean;
  toggle: () => void;
}

function GroupHead({ head, row, place, flow, whole, closed, toggle }: GroupProps) {
  return (
    <div role="row" class="run-group" style={place} aria-rowindex={row + 2}>
      <span role="cell" class="row">
        <button class="cut" type="button" aria-expanded={!closed} title={visible(head.name)} onClick={toggle}>
          <span aria-hidden="true">{closed ? "▸" : "▾"}</span> <Value of={head.name} />
        </button>
        <span class="muted">
          {plural(head.runs, "run")}
          {whole ? "" : " loaded"}
        </span>
        {head.running ? <span class="run-text">{number(head.running)} running</span> : null}
        {head.failed ? <span class="fail-text">{number(head.failed)} failed</span> : null}
        {flow ? <a href={`/flows/${encodeURIComponent(head.name)}/metrics`}>Metrics</a> : null}
      </span>
    </div>
  );
}

interface LineProps {
  run: Run;
  row: number;
  place: Place;
  now: Micros;
  tags: string[]; // that are filters already
  current: boolean;
  chosen: boolean;
  toggle: (run: Run, range: boolean) => void;
}

function Line({ run: r, row, place, now, tags, current, chosen, toggle }: LineProps) {
  const parameters = Object.entries(r.parameters ?? {});
  return (
    <div role="row" class={`run-row run-line ${current ? "current" : ""} ${chosen ? "chosen" : ""}`} style={place} data-row={row} data-run={r.id} aria-rowindex={row + 2} onClick={() => keep("at", r.id)}>
      <span role="cell" class="c-choose">
        <label>
          <input
            type="checkbox"
            aria-label={`Select run ${r.id}`}
            checked={chosen}
            onClick={(e) => {
              if (e.shiftKey) e.preventDefault(); // a range only adds
              toggle(r, e.shiftKey);
            }}
          />
        </label>
      </span>
      <span role="cell" class="c-run">
        <a href={`/runs/${r.id}`}>
          <strong class="cut" title={visible(r.flow)}>
            <Value of={r.flow} />
          </strong>
          <span>
            {" "}
            <span class="muted">/</span> {r.id}
          </span>
        </a>
        {r.origin ? (
          <span class="muted" title={`Resumes run ${r.origin}`}>
            ↩ {r.origin}
          </span>
        ) : null}
      </span>
      <span role="cell" class="c-status">
        <StatusPill status={r.status} />
        {whyOf(r) ? (
          <span class="why cut" title={visible(whyOf(r))}>
            <Value of={whyOf(r)} />
          </span>
        ) : null}
      </span>
      <span role="cell" class="c-started">
        <When at={r.created} now={now} />
      </span>
      <span role="cell" class="c-took num">
        <Took from={r.created} to={r.ended} now={now} status={r.status} />
      </span>
      <span role="cell" class="c-tasks">
        <TaskBar counts={r.tasks} over={r.status !== "running"} />
      </span>
      <span role="cell" class="c-user cut" title={visible(r.user)}>
        <Value of={r.user} />
      </span>
      <span role="cell" class="c-parameters cut mono" title={visible(parameters.map(([name, value]) => `${name}=${value}`).join("\n"))}>
        {parameters.map(([name, value], i) => (
          <span key={name}>
            {i > 0 ? "  " : ""}
            <span class="muted">{name}=</span>
            <Value of={value.length > 40 ? `${value.slice(0, 40)}…` : value} />
          </span>
        ))}
      </span>
      <span role="cell" class="c-tags cut" title={visible(r.tags.join("\n"))}>
        {r.tags.map((t) => (
          <button key={t} class="tag" type="button" title={`Show only runs with the tag ${visible(t)}`} onClick={() => setQuery({ tag: [...new Set([...tags, t])] }, false)}>
            <span class="cut">
              <Value of={t} />
            </span>
          </button>
        ))}
      </span>
    </div>
  );
}

// useSight returns the part of an element that is in the window, as heights from its top.
function useSight(ref: preact.RefObject<HTMLElement | null>): [number, number] {
  const [sight, set] = useState<[number, number]>([0, 1200]);
  useLayoutEffect(() => {
    const measure = () => {
      const top = ref.current?.getBoundingClientRect().top ?? 0;
      // In steps, so that scrolling draws anew only now and then.
      const [a, b] = [Math.max(0, Math.floor(-top / 100) * 100), Math.max(0, Math.ceil((innerHeight - top) / 100) * 100)];
      set((old) => (old[0] === a && old[1] === b ? old : [a, b]));
    };
    measure();
    window.addEventListener("scroll", measure, { passive: true });
    window.addEventListener("resize", measure);
    return () => {
      window.removeEventListener("scroll", measure);
      window.removeEventListener("resize", measure);
    };
  }, []);
  return sight;
}

// useStay keeps what is being read where it is when rows come in above.
function useStay(body: preact.RefObject<HTMLElement | null>, rows: Row[], starts: number[]): void {
  const before = useRef<{ rows: Row[]; starts: number[] }>(undefined);
  useLayoutEffect(() => {
    const old = before.current;
    before.current = { rows, starts };
    const top = body.current?.getBoundingClientRect().top ?? 0;
    if (!old || old.rows === rows || top >= 0) return;
    const [i] = inSight(old.starts, -top, -top);
    const was = old.rows[i];
    const is = rows.findIndex((r) => (r.run && was?.run ? r.run.id === was.run.id : r.head && r.head.name === was?.head?.name));
    if (is >= 0 && starts[is] !== old.starts[i]) window.scrollBy(0, starts[is]! - old.starts[i]!);
  }, [rows]);
}
