// The log of an attempt, as it comes. Only what is in sight is drawn, so a million lines scroll as ten do.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { address, get, type LogLine, type LogPage } from "../api";
import { copy, toastError } from "../components/basic";
import { useKeys } from "../components/hooks";
import { marked } from "../components/Value";
import { clock, number, plural } from "../format";
import { type Connection, listen } from "../live";
import { inSight } from "../pages/list";
import { setQuery, useAddress } from "../router";
import { spans, stripped } from "./ansi";

const lineHeight = 18;
const margin = 20; // lines that are drawn above and below what is in sight
const most = 1_000_000;

interface Line {
  n: number; // from 1, in the whole log
  time: number;
  stderr: boolean;
  text: string;
}

// join puts the parts of long lines together.
function join(to: Line[], open: boolean, from: LogLine[]): boolean {
  for (const l of from) {
    if (open) to[to.length - 1]!.text += l.text;
    else to.push({ n: to.length + 1, time: l.time, stderr: l.stderr ?? false, text: l.text });
    open = !l.newline;
  }
  return open;
}

// rowsOf is how many rows a line takes that is wrapped wherever it reaches the last column, as terminals do. A letter of double width, or a tab,
// may make that one row wrong, which moves nothing but the lines below it that are in sight.
function rowsOf(l: Line, columns: number): number {
  let width = 0;
  const text = stripped(l.text);
  if (/^[ -~]*$/.test(text)) width = text.length;
  else for (const c of text) width += c === "\t" ? 8 : c >= "\u1100" ? 2 : 1;
  return Math.max(1, Math.ceil(width / columns));
}

// Of a long log that is complete its end is shown first, where errors are, until all of it has come. Not if the address names a line, or
// something is searched: that is looked for in the whole, as it comes.
const long = 5000;
const tailLines = 1000;

const onPaper = 1000; // lines that are printed

// live says whether the attempt runs, and recorded how many lines it printed, which is known when it has ended.
export function LogView({ run, task, attempt, live, recorded }: { run: number; task: number; attempt: number; live: boolean; recorded: number }) {
  const at = useAddress();
  const stream = at.searchParams.get("stream") ?? "";
  const text = at.searchParams.get("find") ?? "";
  const lines = useRef<Line[]>([]);
  const open = useRef(false);
  const [count, setCount] = useState(0);
  const [ended, setEnded] = useState(false);
  const [tail, setTail] = useState<Line[]>();
  const [connection, setConnection] = useState<Connection>("connecting");
  const [stamps, setStamps] = useState(false);
  const [wrap, setWrap] = useState(false);
  const [columns, setColumns] = useState(0); // that a wrapped line has; 0: lines are not wrapped
  const [follow, setFollow] = useState(true);
  const [place, setPlace] = useState(0); // among what was found
  const [top, setTop] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const probe = useRef<HTMLSpanElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const path = `/runs/${run}/tasks/${task}`;
  const named = Number(/^#L(\d+)$/.exec(at.hash)?.[1] ?? 0);
  const wanted = useRef(false); // a line or a place, so that the tail that comes now would be in the way
  wanted.current = named > 0 || text !== "";

  useEffect(() => {
    lines.current = [];
    open.current = false;
    setCount(0);
    setEnded(false);
    setTail(undefined);
    const source = listen(
      (cursor) => address(`${path}/log/events`, { attempt, cursor }),
      {
        lines: (page: LogPage) => {
          if (lines.current.length < most) open.current = join(lines.current, open.current, page.lines);
          setCount(lines.current.length);
        },
        end: () => {
          setEnded(true);
          source.close();
        },
      },
      setConnection,
    );
    const stop = new AbortController();
    if (!live && recorded > long && !wanted.current) {
      get<LogPage>(`${path}/log`, { attempt, cursor: String(recorded - tailLines) }, stop.signal)
        .then((page) => {
          if (wanted.current) return;
          const last: Line[] = [];
          join(last, false, page.lines);
          last.forEach((l, i) => (l.n = recorded - last.length + 1 + i));
          setTail(last);
        })
        .catch(() => {}); // it comes with all of it
    }
    return () => {
      source.close();
      stop.abort();
    };
  }, [path, attempt]);

  const inTail = !named || (tail !== undefined && named > recorded - tail.length);
  const onlyTail = !ended && tail !== undefined && count < recorded && inTail;
  const all = onlyTail ? tail : lines.current;
  const shown = useMemo(() => (stream ? all.filter((l) => (stream === "stderr") === l.stderr) : all), [all, count, stream]);
  const found = useMemo(() => {
    if (!text) return [];
    const want = text.toLowerCase();
    const out: number[] = [];
    for (let i = 0; i < shown.length && out.length < 100_000; i++) if (stripped(shown[i]!.text).toLowerCase().includes(want)) out.push(i);
    return out;
  }, [shown, count, text]);
  const foundSet = useMemo(() => new Set(found), [found]);
  const total = shown.length; // that are drawn now: before the next time, more may have come

  // Where each line begins, and where the last one ends. How high a wrapped line is is reckoned, for only what is in sight can be measured.
  const rows = useRef({ columns, of: new WeakMap<Line, number>() });
  const starts = useMemo(() => {
    if (!columns) return undefined;
    if (rows.current.columns !== columns) rows.current = { columns, of: new WeakMap() };
    const known = rows.current.of;
    const out = [0];
    shown.forEach((l, i) => {
      const n = known.get(l) ?? rowsOf(l, columns);
      if (i < shown.length - 1) known.set(l, n); // the last one may still grow
      out.push(out[i]! + n * lineHeight);
    });
    return out;
  }, [shown, count, columns]);
  const startOf = (i: number) => (starts ? starts[Math.min(i, total)]! : i * lineHeight);
  const lineAt = (y: number) => (starts ? inSight(starts, y, y)[0] : Math.floor(y / lineHeight));
  const high = startOf(total);

  // The columns are measured on a line that is not seen.
  useLayoutEffect(() => {
    if (!wrap || !box.current) return setColumns(0);
    const measure = () => {
      const letters = probe.current?.firstElementChild;
      if (!letters) return;
      const n = Math.floor(probe.current!.clientWidth / (letters.getBoundingClientRect().width / 100));
      setColumns(Math.max(1, n));
    };
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(box.current);
    return () => watch.disconnect();
  }, [wrap, stamps, String(onlyTail ? recorded : count).length]);
  // What was in sight stays when lines are wrapped in another way.
  const first = useRef(0);
  useLayoutEffect(() => {
    if (!follow && box.current) box.current.scrollTop = startOf(first.current);
  }, [columns]);
  // So does what was in sight of the end of a log when all of it is there, and the place among what was found.
  const before = useRef(0);
  const here = found[place];
  const placed = useRef(0); // the line of that place
  if (onlyTail) placed.current = here === undefined ? 0 : shown[here]!.n;
  useLayoutEffect(() => {
    if (onlyTail) before.current = total;
    else if (before.current && inTail && (!follow || text) && box.current) {
      box.current.scrollTop += startOf(total - before.current);
      setPlace(Math.max(0, found.findIndex((i) => shown[i]!.n === placed.current)));
    }
  }, [onlyTail]);

  useEffect(() => {
    if (follow && !text && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [count, follow, stream, columns, onlyTail]);
  const show = (i: number) => {
    if (box.current) box.current.scrollTop = Math.max(0, startOf(i) - box.current.clientHeight / 2);
  };
  const step = (by: number) => {
    if (!found.length) return;
    const to = (place + by + found.length) % found.length;
    setPlace(to);
    show(found[to]!);
  };
  // The line that the address names is shown once: when it is there, and when the address comes to name another.
  const seen = useRef(0);
  useEffect(() => {
    if (!named) seen.current = 0;
    if (!named || named === seen.current) return;
    const i = stream || onlyTail ? shown.findIndex((l) => l.n === named) : named - 1;
    if (i < 0 || i >= total) return;
    seen.current = named;
    setFollow(false);
    show(i);
  }, [count, named, shown]);
  // So is the first place of what is searched, unless one comes by an address that names a line.
  const searched = useRef(!named);
  useEffect(() => {
    setPlace(0);
    if (found.length && searched.current) show(found[0]!);
  }, [text, found.length > 0]);
  useKeys([
    { keys: "/", about: "Search in the log", run: () => search.current?.focus() },
    { keys: "n", about: "Next match in the log", run: () => step(1) },
    { keys: "N", about: "Previous match in the log", run: () => step(-1) },
    { keys: "f", about: "Follow the log", run: () => setFollow(!follow) },
  ]);

  // On paper: the lines from those in sight on, or the last ones. The box is never higher than the window.
  const printing = usePrinting();
  const from = printing ? Math.max(0, Math.min(lineAt(top), total - onPaper)) : Math.max(0, lineAt(top) - margin);
  const to = printing ? Math.min(total, from + onPaper) : Math.min(total, lineAt(top + innerHeight) + 1 + margin);
  const least = Math.min(ended ? total : Math.max(recorded, total), 100) * lineHeight; // so that the box does not grow while what is known to come is loaded
  return (
    <section class="panel" aria-label="Log">
      <div class="row" style={{ marginBottom: "0.5rem" }}>
        <h2 style={{ marginRight: "0.4rem" }}>Log</h2>
        <input
          ref={search}
          class="input"
          type="search"
          placeholder="Search the log"
          aria-label="Search the log"
          value={text}
          onInput={(e) => {
            searched.current = true;
            setQuery({ find: e.currentTarget.value });
          }}
          onKeyDown={(e) => e.key === "Enter" && step(e.shiftKey ? -1 : 1)}
        />
        {text ? (
          <span class="row places" style={{ gap: "0.3rem" }}>
            <span role="status">{found.length ? `${number(place + 1)} of ${number(found.length)}` : "not found"}</span>
            <button class="button" type="button" aria-label="Previous match" onClick={() => step(-1)}>
              ↑
            </button>
            <button class="button" type="button" aria-label="Next match" onClick={() => step(1)}>
              ↓
            </button>
          </span>
        ) : null}
        <select class="input" aria-label="Stream" value={stream} onChange={(e) => setQuery({ stream: e.currentTarget.value })}>
          <option value="">stdout and stderr</option>
          <option value="stdout">stdout</option>
          <option value="stderr">stderr</option>
        </select>
        <button class="button" type="button" aria-pressed={stamps} onClick={() => setStamps(!stamps)}>
          Times
        </button>
        <button class="button" type="button" aria-pressed={wrap} onClick={() => setWrap(!wrap)}>
          Wrap
        </button>
        {live && !ended && connection !== "gone" ? (
          <button class="button" type="button" aria-pressed={follow} onClick={() => setFollow(!follow)}>
            Follow
          </button>
        ) : null}
        <span class="grow" />
        <button class="button" type="button" onClick={() => copy(shown.map((l) => stripped(l.text)).join("\n")).catch(toastError)}>
          Copy
        </button>
        <a class="button" href={address(`${path}/log.txt`, { attempt, stream })} download>
          Download
        </a>
      </div>
      <div
        ref={box}
        class={columns ? "log wrap" : "log"}
        tabIndex={0}
        role="log"
        aria-label="What the task printed"
        aria-live="off"
        style={`--digits: ${String(onlyTail ? recorded : count).length}; --least: ${stream || wrap ? 0 : least}px`}
        onScroll={(e) => {
          const el = e.currentTarget;
          setTop(el.scrollTop);
          first.current = lineAt(el.scrollTop);
          const bottom = el.scrollTop + el.clientHeight >= el.scrollHeight - 4;
          if (!bottom && follow && el.scrollTop < top) setFollow(false);
          if (bottom && live && !follow && !text) setFollow(true);
        }}
      >
        {shown.length === 0 ? <div style={{ padding: "0.6rem" }}>{ended ? (stream ? `The task printed nothing to ${stream}.` : "The task printed nothing.") : connection === "gone" ? "The run was removed, and its log with it." : live ? "Nothing yet." : "Loading…"}</div> : null}
        {wrap ? (
          <div class="line probe" aria-hidden="true">
            <span class="no" />
            {stamps ? <span class="when">{clock(0)}</span> : null}
            <span class="text" ref={probe}>
              <span>{"0".repeat(100)}</span>
            </span>
          </div>
        ) : null}
        <div class="all" style={{ height: `${high}px` }}>
          <div class="drawn" style={{ top: `${startOf(from)}px` }}>
            {shown.slice(from, to).map((l, k) => {
              const i = from + k;
              return (
                <div class={`line ${foundSet.has(i) ? "found" : ""} ${found[place] === i || l.n === named ? "at" : ""}`} key={l.n}>
                  <a class="no" href={`#L${l.n}`} aria-label={`Line ${l.n}`} tabIndex={-1}>
                    {l.n}
                  </a>
                  {stamps ? <span class="when">{clock(l.time)}</span> : null}
                  <span class={l.stderr ? "text err" : "text"}>
                    {spans(l.text).map((s) => (s.style ? <span style={s.style}>{marked(s.text)}</span> : marked(s.text)))}
                  </span>
                </div>
              );
            })}
          </div>
        </div>
      </div>
      <div class="muted" style={{ marginTop: "0.3rem" }}>
        {printing && to - from < total ? `Lines ${number(shown[from]!.n)} to ${number(shown[to - 1]!.n)} of ` : ""}
        {onlyTail ? "the last " : ""}
        {plural(total, "line")}
        {stream || onlyTail ? ` of ${number(onlyTail ? recorded : count)}` : ""}
        {ended ? "" : goesOn(connection, live)}
        {printing && to - from < total ? "; the download has all" : ""}
        {lines.current.length >= most ? `; the rest is in the download` : ""}
      </div>
    </section>
  );
}

// goesOn says of a log whose end has not come whether more will.
function goesOn(connection: Connection, live: boolean): string {
  if (connection === "gone") return "; the rest was removed with its run";
  if (connection === "lost") return live ? "; whether more will come is not known" : "; the rest is not loaded";
  return live ? ", and more to come" : ", loading more";
}

// usePrinting tells whether the page is being printed.
function usePrinting(): boolean {
  const [is, set] = useState(false);
  useEffect(() => {
    const begin = () => set(true);
    const end = () => set(false);
    window.addEventListener("beforeprint", begin);
    window.addEventListener("afterprint", end);
    return () => {
      window.removeEventListener("beforeprint", begin);
      window.removeEventListener("afterprint", end);
    };
  }, []);
  return is;
}
