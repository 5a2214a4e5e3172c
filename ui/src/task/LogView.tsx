// The log of an attempt, as it comes. Only what is in sight is drawn, so a million lines scroll as ten do.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { address, type LogLine, type LogPage } from "../api";
import { copy, toastError } from "../components/basic";
import { useKeys } from "../components/hooks";
import { marked } from "../components/Value";
import { clock, plural } from "../format";
import { type Connection, listen } from "../live";
import { useAddress } from "../router";
import { spans, stripped } from "./ansi";

const lineHeight = 18;
const margin = 20; // lines that are drawn above and below what is in sight
const most = 1_000_000;

interface Line {
  time: number;
  stderr: boolean;
  text: string;
}

// join puts the parts of long lines together.
function join(to: Line[], open: boolean, from: LogLine[]): boolean {
  for (const l of from) {
    if (open) to[to.length - 1]!.text += l.text;
    else to.push({ time: l.time, stderr: l.stderr ?? false, text: l.text });
    open = !l.newline;
  }
  return open;
}

export function LogView({ run, task, attempt }: { run: number; task: number; attempt: number }) {
  const lines = useRef<Line[]>([]);
  const open = useRef(false);
  const [count, setCount] = useState(0);
  const [ended, setEnded] = useState(false);
  const [connection, setConnection] = useState<Connection>("connecting");
  const [stream, setStream] = useState("");
  const [text, setText] = useState("");
  const [stamps, setStamps] = useState(false);
  const [wrap, setWrap] = useState(false);
  const [follow, setFollow] = useState(true);
  const [at, setAt] = useState(0); // place among what was found
  const [top, setTop] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const path = `/runs/${run}/tasks/${task}`;

  useEffect(() => {
    lines.current = [];
    open.current = false;
    setCount(0);
    setEnded(false);
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
    return () => source.close();
  }, [path, attempt]);

  const shown = useMemo(() => (stream ? lines.current.filter((l) => (stream === "stderr") === l.stderr) : lines.current), [count, stream]);
  const found = useMemo(() => {
    if (!text) return [];
    const want = text.toLowerCase();
    const out: number[] = [];
    for (let i = 0; i < shown.length && out.length < 100_000; i++) if (stripped(shown[i]!.text).toLowerCase().includes(want)) out.push(i);
    return out;
  }, [shown, count, text]);
  const foundSet = useMemo(() => new Set(found), [found]);

  useEffect(() => {
    if (follow && !text && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [count, follow, stream, wrap]);
  const show = (line: number) => {
    if (box.current) box.current.scrollTop = Math.max(0, line * lineHeight - box.current.clientHeight / 2);
  };
  const step = (by: number) => {
    if (!found.length) return;
    const to = (at + by + found.length) % found.length;
    setAt(to);
    show(found[to]!);
  };
  useEffect(() => {
    setAt(0);
    if (found.length) show(found[0]!);
  }, [text]);
  // The line that the address names is shown once: when it is there, and when the address comes to name another.
  const named = Number(/^#L(\d+)$/.exec(useAddress().hash)?.[1] ?? 0) - 1;
  const seen = useRef(-1);
  useEffect(() => {
    if (named < 0) seen.current = -1;
    if (named < 0 || named === seen.current || named >= count) return;
    seen.current = named;
    setFollow(false);
    show(named);
  }, [count, named]);
  useKeys([
    { keys: "/", about: "Search in the log", run: () => search.current?.focus() },
    { keys: "n", about: "Next place in the log", run: () => step(1) },
    { keys: "N", about: "Previous place in the log", run: () => step(-1) },
    { keys: "f", about: "Follow the log", run: () => setFollow(!follow) },
  ]);

  const height = box.current?.clientHeight ?? 500;
  // Wrapped lines have no height that is known, so all of them are drawn, up to a number that browsers bear.
  const wrapped = wrap && shown.length <= 5000;
  const first = wrapped ? 0 : Math.max(0, Math.floor(top / lineHeight) - margin);
  const last = wrapped ? shown.length : Math.min(shown.length, Math.ceil((top + height) / lineHeight) + margin);
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
          onInput={(e) => setText(e.currentTarget.value)}
          onKeyDown={(e) => e.key === "Enter" && step(e.shiftKey ? -1 : 1)}
        />
        {text ? (
          <span class="row" style={{ gap: "0.3rem" }}>
            <span role="status">{found.length ? `${at + 1} of ${found.length}` : "not there"}</span>
            <button class="button" type="button" aria-label="Previous place" onClick={() => step(-1)}>
              ↑
            </button>
            <button class="button" type="button" aria-label="Next place" onClick={() => step(1)}>
              ↓
            </button>
          </span>
        ) : null}
        <select class="input" aria-label="Stream" value={stream} onChange={(e) => setStream(e.currentTarget.value)}>
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
        {!ended ? (
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
        class={wrapped ? "log wrap" : "log"}
        tabIndex={0}
        role="log"
        aria-label="What the task printed"
        aria-live="off"
        style={shown.length < 12 ? { height: "auto", minHeight: "5rem" } : undefined}
        onScroll={(e) => {
          const el = e.currentTarget;
          setTop(el.scrollTop);
          const bottom = el.scrollTop + el.clientHeight >= el.scrollHeight - 4;
          if (!bottom && follow && el.scrollTop < top) setFollow(false);
          if (bottom && !follow && !text) setFollow(true);
        }}
      >
        {shown.length === 0 ? <div style={{ padding: "0.6rem" }}>{ended ? "It printed nothing." : "Nothing yet."}</div> : null}
        <div style={wrapped ? undefined : { height: `${shown.length * lineHeight}px`, position: "relative", minWidth: "max-content" }}>
          <div style={wrapped ? undefined : { position: "absolute", top: `${first * lineHeight}px`, minWidth: "100%" }}>
            {shown.slice(first, last).map((l, i) => {
              const n = first + i;
              return (
                <div class={`line ${foundSet.has(n) ? "found" : ""} ${found[at] === n || n === named ? "at" : ""}`} key={n}>
                  <a class="no" href={`#L${n + 1}`} aria-label={`Line ${n + 1}`} tabIndex={-1}>
                    {n + 1}
                  </a>
                  {stamps ? <span class="when">{clock(l.time)}</span> : null}
                  <span class={l.stderr ? "err" : ""}>
                    {spans(l.text).map((s) => (s.style ? <span style={s.style}>{marked(s.text)}</span> : marked(s.text)))}
                  </span>
                </div>
              );
            })}
          </div>
        </div>
      </div>
      <div class="muted" style={{ marginTop: "0.3rem" }}>
        {plural(shown.length, "line")}
        {ended ? "" : connection === "lost" ? "; whether it goes on is not known" : ", and it goes on"}
        {lines.current.length >= most ? `; the rest is in the download` : ""}
        {wrap && !wrapped ? "; too many to be wrapped" : ""}
      </div>
    </section>
  );
}
