// An artifact as it is shown: by what kind of thing it is.

import { useState } from "preact/hooks";
import { address, type Preview } from "../api";
import { Chart } from "../components/Chart";
import { marked, Value } from "../components/Value";
import { number } from "../format";

// oneLine is what is shown of a value where there is one line.
export function oneLine(p: Preview): string {
  switch (p.kind) {
    case "number":
      return typeof p.number === "number" ? number(p.number) : (p.text ?? "");
    case "table":
      return `table of ${p.total_rows} × ${p.columns?.length}`;
    case "json": {
      const text = p.text ?? "";
      return text.length > 120 ? text.slice(0, 120) + "…" : text;
    }
    case "image":
      return `${p.media_type}`;
    case "bytes":
      return `${p.size} bytes`;
  }
  const text = (p.text ?? "").replace(/\s+/g, " ");
  return text.length > 120 ? text.slice(0, 120) + "…" : text;
}

export function PreviewView({ p, path }: { p: Preview; path: string }) {
  return (
    <div class="preview stack">
      {p.kind === "number" || p.kind === "bool" || p.kind === "none" ? <strong style={{ fontSize: "1.3rem" }}>{p.text}</strong> : null}
      {p.kind === "text" || p.kind === "bytes" || p.kind === "unknown" ? (
        <pre class="trace" style={{ whiteSpace: "pre-wrap" }} tabIndex={0}>
          {marked(p.text ?? "")}
        </pre>
      ) : null}
      {p.kind === "image" ? <img src={address(`${path}/image`)} alt={`The picture ${p.name}`} loading="lazy" /> : null}
      {p.kind === "array" && p.values && p.values.length > 1 ? (
        <Chart
          label={`${p.name}, ${p.values.length} values`}
          height={150}
          series={[
            {
              name: p.name,
              colour: "accent",
              points: p.values.map((y, x) => ({ x: (x * ((p.shape ?? []).reduce((a, b) => a * b, 1) - 1)) / (p.values!.length - 1), y })).filter((d): d is { x: number; y: number } => d.y !== null),
            },
          ]}
        />
      ) : null}
      {p.kind === "array" ? <span class="muted">{p.text}</span> : null}
      {p.rows && p.rows.length > 0 ? <Rows p={p} /> : null}
      {p.kind === "json" ? (
        <div class="tree" tabIndex={0}>
          <Tree value={JSON.parse(p.text ?? "null") as unknown} open />
        </div>
      ) : null}
      {p.truncated ? <span class="muted">This is a part of it. The download has all.</span> : null}
    </div>
  );
}

function Rows({ p }: { p: Preview }) {
  return (
    <div class="scroll" style={{ maxHeight: "22rem", overflow: "auto" }} tabIndex={0} role="region" aria-label={`Rows of ${p.name}`}>
      <table class="grid">
        {p.columns ? (
          <thead>
            <tr>
              {p.columns.map((c) => (
                <th>{marked(c)}</th>
              ))}
            </tr>
          </thead>
        ) : null}
        <tbody>
          {p.rows!.map((row) => (
            <tr>
              {row.map((c) => (
                <td class={c !== "" && Number.isFinite(Number(c)) ? "num" : ""}>{marked(c)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {p.total_rows && p.total_rows > p.rows!.length ? <p class="muted">{p.total_rows.toLocaleString("en-US")} rows in all</p> : null}
    </div>
  );
}

// A tree of lists and maps. What is not open is not drawn.
function Tree({ name, value, open = false }: { name?: string; value: unknown; open?: boolean }) {
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
  const size = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  return (
    <details open={is} onToggle={(e) => set(e.currentTarget.open)}>
      <summary>
        {head}
        <span class="muted">{size}</span>
      </summary>
      {is ? (
        <ul>
          {entries.slice(0, 500).map(([k, v]) => (
            <li>
              <Tree name={k} value={v} open={entries.length < 20 && open} />
            </li>
          ))}
          {entries.length > 500 ? <li class="muted">… {entries.length - 500} more</li> : null}
        </ul>
      ) : null}
    </details>
  );
}
