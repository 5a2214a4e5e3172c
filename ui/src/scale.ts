// Scales and ticks of charts. Pure.

// From values to places.
export interface Scale {
  at: (value: number) => number;
  ticks: { value: number; text: string }[];
}

// A step of 1, 2 or 5 times a power of ten, so that about n of them make the span.
export function niceStep(span: number, n: number): number {
  const raw = span / Math.max(1, n);
  const power = 10 ** Math.floor(Math.log10(raw));
  const lead = raw / power;
  return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
}

// A domain that holds values and is not empty; wider than they are by a little.
export function domain(values: number[], pad = 0.05): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  if (low > high) return [0, 1];
  if (low === high) {
    const around = Math.abs(low) / 2 || 1;
    return [low - around, high + around];
  }
  const more = (high - low) * pad;
  return [low - more, high + more];
}

export function linear([low, high]: [number, number], [from, to]: [number, number], n = 5): Scale {
  const step = niceStep(high - low, n);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks: Scale["ticks"] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    ticks.push({ value: i * step, text: tickText(i * step, digits) });
  return { at: (v) => from + ((v - low) / (high - low)) * (to - from), ticks };
}

function tickText(value: number, digits: number): string {
  const size = Math.abs(value);
  if (size >= 1e15 || (digits > 6 && size !== 0)) return value.toExponential(1);
  for (const [unit, text] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
  ] as const)
    if (size >= unit) return `${Number((value / unit).toPrecision(4))}${text}`;
  return value.toFixed(Math.min(digits, 6)).replace(/^-0(\.0*)?$/, "0");
}

// For values above 0 alone.
export function log([low, high]: [number, number], [from, to]: [number, number]): Scale {
  const [a, b] = [Math.log10(low), Math.log10(high)];
  const ticks: Scale["ticks"] = [];
  const wide = b - a > 2;
  for (let e = Math.floor(a); e <= Math.ceil(b); e++)
    for (const lead of wide ? [1] : [1, 2, 5]) {
      const value = lead * 10 ** e;
      if (value >= low * 0.999 && value <= high * 1.001) ticks.push({ value, text: logText(value) });
    }
  return { at: (v) => from + ((Math.log10(v) - a) / (b - a || 1)) * (to - from), ticks };
}

function logText(value: number): string {
  return value < 1e-3 || value >= 1e5 ? value.toExponential(0).replace("+", "") : String(Number(value.toPrecision(1)));
}

// The domain of a log scale.
export function logDomain(values: number[]): [number, number] {
  const [low, high] = domain(values.filter((v) => v > 0).map(Math.log10));
  return [10 ** low, 10 ** high];
}

const second = 1e6;
const halfDay = 43200e6;

// The domain of a scale of moments. One moment alone stands in the middle of a day: half of the time since 1970, which would be "around" it
// as for other numbers, is decades. Moments that are nearer to each other than the seconds of ticks get some of these around them.
export function timeDomain(values: number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (low === high) return [low - halfDay, low + halfDay];
  const less = (4 * second - (high - low)) / 2;
  return domain(less > 0 && low < high ? [low - less, high + less] : values);
}

// Of ticks, in seconds; the last are about a month, a quarter, and one, five and ten years.
const steps = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000, 157680000, 315360000,
];

// Moments, in microseconds; ticks are on whole minutes, hours and days where the reader is.
export function time([low, high]: [number, number], [from, to]: [number, number], n = 5): Scale {
  const raw = (high - low) / n / second;
  const most = steps.at(-1)!;
  const step = (steps.find((s) => s >= raw) ?? Math.ceil(raw / most) * most) * second;
  const offset = new Date(low / 1000).getTimezoneOffset() * 60 * second;
  const ticks: Scale["ticks"] = [];
  for (let v = Math.ceil((low - offset) / step) * step + offset; v <= high; v += step)
    ticks.push({ value: v, text: timeText(v, step) });
  return { at: (v) => from + ((v - low) / (high - low || 1)) * (to - from), ticks };
}

function timeText(value: number, step: number): string {
  const d = new Date(value / 1000);
  const two = (n: number) => String(n).padStart(2, "0");
  const month = d.toLocaleString("en-US", { month: "short" });
  if (step >= 28 * 86400 * second) return `${month} ${d.getFullYear()}`;
  const date = `${month} ${d.getDate()}`;
  if (step >= 86400 * second) return date;
  const clock = `${two(d.getHours())}:${two(d.getMinutes())}`;
  if (d.getHours() === 0 && d.getMinutes() === 0 && d.getSeconds() === 0) return date;
  return step < 60 * second ? `${clock}:${two(d.getSeconds())}` : clock;
}

// Names in their order, evenly.
export function band(names: string[], [from, to]: [number, number]): Scale {
  const width = (to - from) / Math.max(1, names.length);
  const every = Math.ceil(names.length / Math.max(1, Math.floor((to - from) / 70)));
  const cut = Math.max(4, Math.floor((width * every) / 7));
  return {
    at: (i) => from + (i + 0.5) * width,
    ticks: names
      .map((name, value) => ({ value, text: name.length > cut ? `${name.slice(0, cut - 1)}…` : name }))
      .filter((_, i) => i % every === 0),
  };
}
