// An artifact as it is shown: by what kind of thing it is.

import { useState } from "preact/hooks";
import { address, type Preview } from "../api";
import { Chart } from "../components/Chart";
import { Sideways } from "../components/Sideways";
import { marked, Value } from "../components/Value";
import { bytes, number, plural } from "../format";

// oneLine is what is shown of a value where there is one line.
export function oneLine(p: Preview): string {
  switch (p.kind) {
    case "number":
      return figure(p);
    case "table":
      return `table of ${(p.shape ?? []).map(number).join(" × ")}`;
    case "json": {
      const [left, right] = brackets(p);
      const text = (p.text ?? "").slice(1, -1);
      if (text === "" && left === "{" && isSet(p)) return "set()";
      return short(left + text + (p.type === "tuple" && p.length === 1 ? "," : "") + right);
    }
    case "image":
      return p.media_type ?? "";
    case "bytes":
      return `bytes, ${bytes(p.size)}`;
    case "array":
      if (p.shape?.length === 1 && p.rows && p.rows.length === p.shape[0] && p.rows.length < 10) return short(`[${p.rows.map((r) => r[0]).join(", ")}]`);
      return short(ofArray(p));
    case "text":
      if (!p.text?.trim()) return JSON.stringify(p.text ?? ""); // which would not be seen
  }
  return short((p.text ?? "").replace(/\s+/g, " "));
}

// ofArray is what is said of an array. How many numbers a list has is written as everywhere.
const ofArray = (p: Preview) => (p.text ?? "").replace(/^list of (\d+) numbers$/, (_, n) => `list of ${plural(Number(n), "number")}`);

const short = (text: string) => (text.length > 120 ? text.slice(0, 120) + "…" : text);

// figure is a number as it is read: an integer whole, however large, and of one with a fraction what matters.
function figure(p: Preview): string {
  const text = p.text ?? "";
  if (/^-?\d+$/.test(text)) return text.replace(/\B(?=(\d{3})+$)/g, ",");
  return typeof p.number === "number" ? real(p.number) : text;
}

function real(n: number): string {
  const a = Math.abs(n);
  return a >= 1e6 && a < 1e15 ? n.toLocaleString("en-US", { maximumFractionDigits: 3 }) : number(n);
}

// shortFloat is a number with a fraction of more than six digits, as it is read.
export function shortFloat(text: string): string {
  const fraction = /^-?0*(\d*)\.(\d+)(?:e[-+]?\d+)?$/i.exec(text);
  if (!fraction || (fraction[1]! + fraction[2]!).replace(/^0+/, "").length <= 6) return text;
  return real(Number(text));
}

const isSet = (p: Preview) => p.type === "set" || p.type === "frozenset";

// brackets are those that Python writes around a value that came as JSON: of a tuple or set, JSON makes a list.
function brackets(p: Preview): [string, string] {
  if (p.type === "tuple") return ["(", ")"];
  if (isSet(p) || p.text?.startsWith("{")) return ["{", "}"];
  return ["[", "]"];
}

export function PreviewView({ p, path }: { p: Preview; path: string }) {
  return (
    <div class="preview stack">
      {p.kind === "number" || p.kind === "bool" || p.kind === "none" ? <strong class="value">{p.text}</strong> : null}
      {p.kind === "text" && !p.text ? <span class="muted">Empty text</span> : null}
      {(p.kind === "text" && p.text) || p.kind === "bytes" || p.kind === "unknown" ? (
        <pre class="trace" style={{ whiteSpace: "pre-wrap" }} tabIndex={0}>
          {marked(p.text ?? "")}
        </pre>
      ) : null}
      {p.kind === "image" ? <img src={address(`${path}/image`)} alt={`Image ${p.name}`} loading="lazy" /> : null}
      {p.kind === "array" && p.shape?.length === 1 ? <Curve p={p} /> : null}
      {p.kind === "array" ? <span class="muted">{ofArray(p)}</span> : null}
      {p.rows && p.rows.length > 0 && !(p.kind === "array" && p.shape?.length === 1) ? <Rows p={p.kind === "object" ? attributes(p) : p} /> : null}
      {p.kind === "table" && !p.rows?.length ? <span class="muted">A {oneLine(p)}, without rows.</span> : null}
      {p.kind === "json" ? (
        <div class="tree" tabIndex={0}>
          <Tree value={JSON.parse(p.text ?? "null") as unknown} open root={p} />
        </div>
      ) : null}
      {p.truncated ? <span class="muted">Only a part is shown. Download the artifact to get all of it.</span> : null}
    </div>
  );
}

// An array of one dimension: a curve, and its first elements as they are. The curve has a gap where there is no finite number.
function Curve({ p }: { p: Preview }) {
  const n = p.shape![0]!;
  const values = p.values ?? [];
  const parts: { x: number; y: number }[][] = [];
  values.forEach((y, i) => {
    if (y === null) return;
    if (i === 0 || values[i - 1] === null) parts.push([]);
    parts.at(-1)!.push({ x: (i * (n - 1)) / (values.length - 1), y });
  });
  const cells = (p.rows ?? []).map((r) => r[0]!);
  return (
    <>
      {values.length > 1 && parts.length > 0 ? <Chart label={`${p.name}, ${plural(values.length, "value")}`} height={150} series={parts.map((points) => ({ name: p.name, colour: "accent", points }))} /> : null}
      {p.not_finite ? (
        <span>
          {number(p.not_finite)} of {plural(n, "value")} {p.not_finite === 1 ? "is" : "are"} not finite, and not in the curve.
        </span>
      ) : null}
      {cells.length > 0 ? (
        <div class="mono" style={{ overflowWrap: "anywhere" }}>
          {cells.join(", ")}
          {cells.length < n ? ", …" : ""}
        </div>
      ) : null}
    </>
  );
}

// attributes are those of an object as rows, each with its name.
function attributes(p: Preview): Preview {
  return { ...p, index: p.rows!.map((r) => r[0]!), rows: p.rows!.map((r) => r.slice(1)) };
}

function Rows({ p }: { p: Preview }) {
  const [rows = 0, columns = 0] = p.shape ?? [];
  // A column of numbers stands at the right, also where there is none; any other at the left.
  const numeric = p.rows![0]!.map((_, i) => {
    const there = p.rows!.map((r) => r[i] ?? "").filter((c) => !missing.includes(c));
    return there.length > 0 && there.every((c) => Number.isFinite(Number(c)) || /^-?inf$/.test(c));
  });
  const all = [rows > p.rows!.length ? plural(rows, "row") : "", columns > p.rows![0]!.length ? plural(columns, "column") : ""].filter(Boolean);
  return (
    <Sideways panel={false} label={`Rows of ${p.name}`}>
      <table class="grid">
        {p.columns ? (
          <thead>
            <tr>
              {p.index ? (
                <th>
                  <span class="hidden">Label</span>
                </th>
              ) : null}
              {p.columns.map((c, i) => (
                <th class={numeric[i] ? "num" : undefined}>
                  {marked(c)}
                  {p.types?.[i] ? <span class="type">{marked(p.types[i])}</span> : null}
                </th>
              ))}
            </tr>
          </thead>
        ) : null}
        <tbody>
          {p.rows!.map((row, i) => (
            <tr>
              {p.index ? <th scope="row">{marked(p.index[i] ?? "")}</th> : null}
              {row.map((c, i) => (
                <Cell of={c} num={numeric[i]} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {all.length > 0 ? <p class="muted">{all.join(", ")} in all</p> : null}
    </Sideways>
  );
}

const missing = ["", "NaN", "NaT", "<NA>", "null", "nan"]; // as pandas, polars and numpy write it

// A number with a fraction of many digits is as long as is read, and whole where one points at it.
function Cell({ of: c, num }: { of: string; num: boolean | undefined }) {
  const brief = c === "" || !Number.isFinite(Number(c)) ? c : shortFloat(c);
  const classes = [num ? "num" : "", missing.includes(c) ? "muted" : ""].filter(Boolean).join(" ");
  return (
    <td class={classes || undefined} title={brief === c ? undefined : c}>
      {marked(brief)}
    </td>
  );
}

// A tree of lists and maps. What is not open is not drawn. Of what has a preview of its own, the root, more is known than JSON tells.
function Tree({ name, value, open = false, root }: { name?: string; value: unknown; open?: boolean; root?: Preview }) {
  const [is, set] = useState(open);
  const head = name === undefined ? null : (
      <span class="muted">
        <Value of={name} />:{" "}
      </span>
    );
  if (value === null || typeof value !== "object") {
    return (
      <span>
        {head}
        <Value of={typeof value === "string" ? JSON.stringify(value) : String(value)} />
      </span>
    );
  }
  const entries = Array.isArray(value) ? value.map((v, i) => [String(i), v] as const) : Object.entries(value);
  const [left, right] = root ? brackets(root) : Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const size = Math.max(root?.length ?? 0, entries.length);
  return (
    <details open={is} onToggle={(e) => set(e.currentTarget.open)}>
      <summary>
        {head}
        <span class="muted">
          {root && (isSet(root) || root.type === "tuple") ? `${root.type} ` : ""}
          {left + number(size) + right}
        </span>
      </summary>
      {is ? (
        <ul>
          {entries.slice(0, 500).map(([k, v]) => (
            <li>
              <Tree name={k} value={v} open={entries.length < 20 && open} />
            </li>
          ))}
          {size > Math.min(entries.length, 500) ? <li class="muted">… {number(size - Math.min(entries.length, 500))} more</li> : null}
        </ul>
      ) : null}
    </details>
  );
}
