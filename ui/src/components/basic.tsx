// The pieces that pages are made of.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { clockSet, type Counts, type Micros, now, Problem, type Status } from "../api";
import { ago, duration, exact, number, visible } from "../format";
import type { Connection } from "../live";
import { worded } from "./Value";

// A status is never told by its colour alone: each has a sign and its name.
const signs: Record<string, string> = {
  succeeded: "M3 8.5l3.2 3.2L13 5",
  caught: "M8 3v6M8 12.6v.2",
  failed: "M4 4l8 8M12 4l-8 8",
  died: "M4 4l8 8M12 4l-8 8",
  running: "M8 2.5a5.5 5.5 0 1 0 5.5 5.5",
  interrupted: "M5.5 4v8M10.5 4v8",
  killed: "M5.5 4v8M10.5 4v8",
  pending: "M4 8h8",
};

export function StatusPill({ status }: { status: Status }) {
  return (
    <span class={`status ${status}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={signs[status] ?? signs["pending"]} fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round" />
      </svg>
      {status}
    </span>
  );
}

// The time now, in microseconds, renewed while somebody needs it.
export function useNow(active: boolean, every = 1000): Micros {
  const [is, set] = useState(now);
  useEffect(() => {
    if (!active) return;
    const update = () => set(now());
    update();
    const timer = setInterval(update, every);
    window.addEventListener(clockSet, update);
    return () => {
      clearInterval(timer);
      window.removeEventListener(clockSet, update);
    };
  }, [active, every]);
  return is;
}

export function When({ at, now }: { at: Micros; now: Micros }) {
  return (
    <time dateTime={new Date(at / 1000).toISOString()} title={exact(at)}>
      {ago(at, now)}
    </time>
  );
}

interface Span {
  from: Micros;
  to: Micros; // 0: not yet
  now: Micros;
  status?: Status | undefined;
}

// took is how long something ran. Nobody saw the end of what died: it ran until it was heard of last, at least.
export function took({ from, to, now, status }: Span): string {
  if (!from) return "";
  if (status !== "died") return duration(((to || Math.max(now, from)) - from) / 1e6);
  return to > from ? `≥ ${duration((to - from) / 1e6)}` : "unknown";
}

export function Took(span: Span) {
  return <span title={span.status === "died" ? "When it ended is not known. This is how long it ran until it was last heard from." : undefined}>{took(span)}</span>;
}

// Ran says the same in words.
export function Ran(span: Span & { status: Status }) {
  const died = span.status === "died";
  if (died && span.to <= span.from) return <span>how long it ran is not known</span>;
  return (
    <span>
      {span.status === "running" ? "running for" : died ? "ran at least" : "took"} {took(span).replace("≥ ", "")}
    </span>
  );
}

// total is how many tasks were launched.
export function total(c: Counts | undefined): number {
  return c ? c.running + c.succeeded + c.failed + c.killed + c.died : 0;
}

// TaskBar shows how far a run has come. What was never launched when it ended stays a grey rest.
export function TaskBar({ counts, over }: { counts: Counts | undefined; over: boolean }) {
  const n = total(counts) + (counts?.waiting ?? 0);
  if (!counts || n === 0) return <span class="muted">–</span>;
  const parts: [string, number, string][] = [
    ["ok", counts.succeeded - counts.caught, "succeeded"],
    ["caught", counts.caught, "caught"],
    ["run", counts.running, "running"],
    ["fail", counts.failed, "failed"],
    ["died", counts.died, "died"],
    ["warn", counts.killed, "killed"],
    ["wait", counts.waiting, over ? "never started" : "waiting"],
  ];
  const said = parts
    .filter(([, k]) => k > 0)
    .map(([, k, name]) => `${number(k)} ${name}`)
    .join(", ");
  return (
    <span class="row" style={{ gap: "0.4rem", flexWrap: "nowrap" }} title={said}>
      <span class="bar" aria-hidden="true">
        {parts.map(([name, k]) => (k > 0 ? <span class={name} style={{ flexGrow: k }} /> : null))}
      </span>
      <span>
        {counts.succeeded === n ? number(n) : `${number(counts.succeeded)}/${number(n)}`}
        <span class="hidden"> tasks: {said}</span>
      </span>
    </span>
  );
}

export function Skeleton({ lines = 6 }: { lines?: number }) {
  return (
    <div role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, i) => (
        <div class="skeleton" style={{ width: `${92 - ((i * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const p = error instanceof Problem ? error : undefined;
  return (
    <div class="note fail" role="alert">
      <strong>{worded(error instanceof Error ? error.message : String(error))}</strong>
      {p?.hint ? <p style={{ margin: "0.3rem 0 0" }}>{worded(p.hint)}</p> : null}
      {retry ? (
        <p style={{ margin: "0.6rem 0 0" }}>
          <button class="button" type="button" onClick={retry}>
            Try again
          </button>
        </p>
      ) : null}
    </div>
  );
}

// What a page that is kept up to date says when it is not.
export function Lost({ connection }: { connection: Connection }) {
  if (connection === "gone") {
    return (
      <div class="lost" role="status">
        This run was removed. You see what was loaded before. <a href="/">Go to the list of runs</a>
      </div>
    );
  }
  if (connection !== "lost") return null;
  return (
    <div class="lost" role="status">
      The server does not answer. What you see may be out of date. The page keeps trying to reconnect.
    </div>
  );
}

// A modal dialog. Escape closes it, and the focus goes back to where it was.
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const d = ref.current;
    const before = document.activeElement as HTMLElement | null;
    d?.showModal();
    return () => {
      d?.close();
      before?.focus?.();
    };
  }, []);
  return (
    <dialog ref={ref} aria-labelledby={id} onCancel={close} onClick={(e) => e.target === ref.current && close()}>
      <h2 id={id} style={{ marginBottom: "0.7rem" }}>
        {title}
      </h2>
      {children}
    </dialog>
  );
}

// An address may name a tab that there is not: the first one is meant.
export function tabOf(names: [string, string][], asked: string | null): string {
  return names.some(([n]) => n === asked) ? asked! : names[0]![0];
}

interface TabsProps {
  names: [string, string][];
  counts?: Record<string, number | undefined>; // of what is in them, as far as that is known
  at: string;
  choose: (name: string) => void;
  label: string;
}

export function Tabs({ names, counts = {}, at: asked, choose, label }: TabsProps) {
  const at = tabOf(names, asked);
  const list = useRef<HTMLDivElement>(null);
  // The chosen one is in sight where not all are. Only the row of tabs is scrolled for it, not the page.
  useEffect(() => {
    const [box, tab] = [list.current, list.current?.querySelector<HTMLElement>("[aria-selected=true]")];
    if (!box || !tab) return;
    const beside = 40; // so that one sees that there is another
    const left = tab.getBoundingClientRect().left - box.getBoundingClientRect().left + box.scrollLeft;
    box.scrollLeft = Math.max(Math.min(box.scrollLeft, left - beside), left + tab.offsetWidth + beside - box.clientWidth);
  }, [at, JSON.stringify(counts)]);
  const move = (e: KeyboardEvent) => {
    const i = names.findIndex(([n]) => n === at);
    const to = e.key === "ArrowRight" ? i + 1 : e.key === "ArrowLeft" ? i - 1 : -1;
    if (to < 0 || to >= names.length) return;
    e.preventDefault();
    choose(names[to]![0]);
    ((e.currentTarget as HTMLElement).children[to] as HTMLElement).focus();
  };
  return (
    <div class="tabs" ref={list} role="tablist" aria-label={label} onKeyDown={move}>
      {names.map(([name, text]) => (
        <button type="button" role="tab" id={`tab-${name}`} aria-selected={name === at} tabIndex={name === at ? 0 : -1} onClick={() => choose(name)}>
          {text}
          {counts[name] === undefined ? null : <span class="count"> {number(counts[name])}</span>}
        </button>
      ))}
    </div>
  );
}

// Copy is a small button beside what one may want in a command.
export function Copy({ text, what }: { text: string; what: string }) {
  return (
    <button class="copy" type="button" aria-label={`Copy ${what}`} title={`Copy ${visible(text)}`} onClick={() => copy(text).catch(toastError)}>
      <svg viewBox="0 0 16 16" width="13" height="13" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round">
        <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />
        <path d="M10.5 3.5v-.2a1 1 0 0 0-1-1H3.3a1 1 0 0 0-1 1v6.2a1 1 0 0 0 1 1h.2" />
      </svg>
    </button>
  );
}

export async function copy(text: string): Promise<void> {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else copyByHand(text);
  toast("Copied");
}

// Browsers lend their clipboard only to pages of this machine or over TLS. From all others they copy what is selected.
function copyByHand(text: string): void {
  const before = document.activeElement as HTMLElement | null;
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed"; // so that the page does not scroll to it
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  before?.focus({ preventScroll: true });
  if (!done) throw new Error("The browser did not allow the page to copy. Select the text and copy it with the keyboard.");
}

// Short notices at the corner of the page.

interface Notice {
  text: string;
  bad: boolean;
  key: number;
}

let notices: Notice[] = [];
let tell: (n: Notice[]) => void = () => {};

export function toast(text: string, bad = false): void {
  const n = { text, bad, key: Date.now() + Math.random() };
  notices = [...notices, n];
  tell(notices);
  setTimeout(() => {
    notices = notices.filter((o) => o !== n);
    tell(notices);
  }, bad ? 10_000 : 3000);
}

export function toastError(err: unknown): void {
  toast(err instanceof Problem && err.hint ? `${err.message} ${err.hint}` : err instanceof Error ? err.message : String(err), true);
}

export function Toasts() {
  const [list, set] = useState<Notice[]>(notices);
  tell = set;
  return (
    <div class="toasts" role="status" aria-live="polite">
      {list.map((n) => (
        <div class={n.bad ? "toast fail" : "toast"} key={n.key}>
          {worded(n.text)}
        </div>
      ))}
    </div>
  );
}
