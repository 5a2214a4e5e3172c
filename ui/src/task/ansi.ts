// Colours in logs: the SGR sequences of ECMA-48 and xterm's 256 colours and true colour. Everything else that begins with an escape is
// left out. Pure.

export interface Span {
  text: string;
  style: string; // CSS, "" for none
}

// Colours are written as #rrggbb: what can be read on what is reckoned from that.
const ground = "#10161c";
const ink = "#dbe4ec";

// The 16 colours, chosen to be readable on the dark ground of the log and of lines that were found; and as grounds of their own, chosen so that its light text is.
const palette = ["#94a2b0", "#ff8a80", "#7fd99a", "#e8c76b", "#8ab4ff", "#d6a4ff", "#6fd3e3", "#dbe4ec", "#a3b1bd", "#ffaaa2", "#a1e8b5", "#f5da92", "#aecbff", "#e4c4ff", "#9be4ef", "#ffffff"];
const grounds = ["#000000", "#8c1d18", "#1c5c34", "#6b5200", "#1a4a9c", "#6a3091", "#0b5f6e", "#c3ccd4", "#4a5763", "#a82e27", "#256b3f", "#765c00", "#2a5bb8", "#7d3fa8", "#106d80", "#ffffff"];

const hex = (...rgb: number[]) => "#" + rgb.map((v) => v.toString(16).padStart(2, "0")).join("");

function of256(n: number, low: string[]): string {
  if (n < 16) return low[n]!;
  if (n >= 232) {
    const v = 8 + (n - 232) * 10;
    return hex(v, v, v);
  }
  const level = (k: number) => (k === 0 ? 0 : 55 + k * 40);
  n -= 16;
  return hex(level(Math.floor(n / 36)), level(Math.floor(n / 6) % 6), level(n % 6));
}

// contrast is that of two colours, as WCAG defines it.
export function contrast(a: string, b: string): number {
  const light = (colour: string) => {
    const [r, g, b] = [1, 3, 5].map((i) => {
      const v = parseInt(colour.slice(i, i + 2), 16) / 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b! + 0.05;
  };
  const [x, y] = [light(a), light(b)];
  return Math.max(x, y) / Math.min(x, y);
}

// readable is a colour for text, or black or white where it could not be read.
function readable(fg: string, bg: string): string {
  if (contrast(fg, bg) >= 4.5) return fg;
  return contrast("#ffffff", bg) >= contrast("#000000", bg) ? "#ffffff" : "#000000";
}

interface State {
  fg: string;
  bg: string;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  inverse: boolean;
}

const plain: State = { fg: "", bg: "", bold: false, dim: false, italic: false, underline: false, inverse: false };

function css(s: State): string {
  const [fg, bg] = s.inverse ? [s.bg || ground, s.fg || ink] : [s.fg, s.bg];
  return (
    (fg || bg ? `color:${readable(fg || ink, bg || ground)};` : "") +
    (bg ? `background:${bg};` : "") +
    (s.bold ? "font-weight:700;" : "") +
    (s.dim ? "opacity:.7;" : "") +
    (s.italic ? "font-style:italic;" : "") +
    (s.underline ? "text-decoration:underline;" : "")
  );
}

function apply(s: State, codes: number[]): State {
  s = { ...s };
  for (let i = 0; i < codes.length; i++) {
    const c = codes[i]!;
    if (c === 0) s = { ...plain };
    else if (c === 1) s.bold = true;
    else if (c === 2) s.dim = true;
    else if (c === 3) s.italic = true;
    else if (c === 4) s.underline = true;
    else if (c === 7) s.inverse = true;
    else if (c === 22) s.bold = s.dim = false;
    else if (c === 23) s.italic = false;
    else if (c === 24) s.underline = false;
    else if (c === 27) s.inverse = false;
    else if (c >= 30 && c <= 37) s.fg = palette[c - 30]!;
    else if (c >= 90 && c <= 97) s.fg = palette[c - 82]!;
    else if (c === 39) s.fg = "";
    else if (c >= 40 && c <= 47) s.bg = grounds[c - 40]!;
    else if (c >= 100 && c <= 107) s.bg = grounds[c - 92]!;
    else if (c === 49) s.bg = "";
    else if (c === 38 || c === 48) {
      let colour = "";
      if (codes[i + 1] === 5) {
        colour = of256(Math.max(0, Math.min(255, codes[i + 2] || 0)), c === 38 ? palette : grounds);
        i += 2;
      } else if (codes[i + 1] === 2) {
        colour = hex(...[2, 3, 4].map((k) => Math.max(0, Math.min(255, codes[i + k] || 0))));
        i += 4;
      }
      if (c === 38) s.fg = colour;
      else s.bg = colour;
    }
  }
  return s;
}

// eslint-disable-next-line no-control-regex
const escape = /\x1b(?:\[([0-9;:]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_]|\[[^@-~]*)|[\x00-\x08\x0b-\x1a\x7f]/g;

// spans splits a line. What stands before a carriage return was written over, as progress bars do.
export function spans(line: string): Span[] {
  const cr = line.lastIndexOf("\r", line.length - 2);
  if (cr >= 0) line = line.slice(cr + 1);
  if (!/[\x00-\x1a\x1b\x7f]/.test(line)) return [{ text: line, style: "" }];
  const out: Span[] = [];
  let state = plain;
  let at = 0;
  const push = (text: string) => {
    if (text) out.push({ text, style: css(state) });
  };
  for (const m of line.matchAll(escape)) {
    push(line.slice(at, m.index));
    at = m.index + m[0].length;
    if (m[2] === "m") state = apply(state, (m[1] ?? "").split(/[;:]/).map(Number));
  }
  push(line.slice(at));
  return out.length ? out : [{ text: "", style: "" }];
}

export function stripped(line: string): string {
  return spans(line)
    .map((s) => s.text)
    .join("");
}
