// Values as people read them.

import type { Micros } from "./api";

export function duration(seconds: number): string {
  if (!(seconds >= 0)) return "";
  if (seconds === 0) return "0 s";
  if (seconds < 0.0095) return "<0.01 s";
  if (seconds < 1) return seconds.toFixed(2) + " s";
  if (seconds < 60) return seconds.toFixed(1) + " s";
  const s = Math.round(seconds);
  if (s < 3600) return both(Math.floor(s / 60), "min", s % 60, "s");
  if (s < 86400) return both(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
  return both(Math.floor(s / 86400), "d", Math.floor((s % 86400) / 3600), "h");
}

// both leaves out the smaller unit where there is nothing of it.
function both(n: number, unit: string, rest: number, smaller: string): string {
  return rest ? `${n} ${unit} ${rest} ${smaller}` : `${n} ${unit}`;
}

export function ago(then: Micros, now: Micros): string {
  const s = Math.max(0, (now - then) / 1e6);
  if (s < 10) return "just now";
  if (s < 60) return `${Math.floor(s)} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  const days = Math.floor(s / 86400);
  if (days < 30) return `${days} day${days === 1 ? "" : "s"} ago`;
  return moment(then).slice(0, 10);
}

const two = (n: number) => String(n).padStart(2, "0");

// The time here, to the second.
export function moment(t: Micros): string {
  if (!t) return "";
  const d = new Date(t / 1000);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

// The same where it stands alone, and may be read by somebody elsewhere.
export function exact(t: Micros): string {
  if (!t) return "";
  const minutes = -new Date(t / 1000).getTimezoneOffset();
  const off = Math.abs(minutes);
  return `${moment(t)} ${minutes < 0 ? "−" : "+"}${two(Math.floor(off / 60))}:${two(off % 60)}`;
}

// What a signal that ended a process often means.
export function ofSignal(n: number): string {
  return `signal ${n}${n === 9 ? ", as when memory runs out" : n === 11 ? ", a segmentation fault" : ""}`;
}

// What a run failed of, as it was recorded: a signal by its number alone.
export function problem(text: string): string {
  return text.replace(/: signal (\d+)$/, (_, n) => `: ended by ${ofSignal(Number(n))}`);
}

// A moment as short as a span of seconds allows.
export function shortMoment(t: Micros, span: number): string {
  const text = moment(t);
  if (span < 600) return text.slice(11);
  if (span < 86400) return text.slice(11, 16);
  if (span < 86400 * 20) return text.slice(5, 16);
  return text.slice(0, 10);
}

export function clock(t: Micros): string {
  const d = new Date(t / 1000);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, "0")}`;
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let i = -1;
  do {
    n /= 1024;
    i++;
  } while (n >= 1023.5 && i < units.length - 1);
  return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

const integer = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const real = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6 });

// The one way in which the pages write numbers of their own. What users wrote, such as parameters, and ids stay as they are.
export function number(n: number): string {
  if (!Number.isFinite(n)) return String(n);
  const a = Math.abs(n);
  if (a < 1e15 && (a >= 1e6 || Number.isInteger(n))) return integer.format(n);
  return a >= 1e15 || a < 1e-4 ? n.toExponential(3) : real.format(n);
}

export function plural(n: number, what: string): string {
  return `${number(n)} ${what}${n === 1 ? "" : "s"}`;
}

// Characters that turn the order of the text around them, and are not seen: a value that has one looks like another.
const turn = /(\p{Bidi_Control})/u;

// splitTurns splits a text so that every second piece is such a character, and undefined if it has none.
export function splitTurns(text: string): string[] | undefined {
  return turn.test(text) ? text.split(turn) : undefined;
}

export function codePoint(c: string): string {
  return `U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}

// visible is a text with such characters written out, for places that take nothing but text.
export function visible(text: string): string {
  return splitTurns(text)?.map((part, i) => (i % 2 ? `[${codePoint(part)}]` : part)).join("") ?? text;
}
