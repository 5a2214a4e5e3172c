// What of the code is not the same in two runs, side by side.

import { useEffect, useState } from "preact/hooks";
import { get, getText, type Run } from "../api";
import { Failure, Skeleton } from "../components/basic";
import { marked } from "../components/Value";
import { plural } from "../format";
import { type DiffRow, diff } from "./diff";

interface Changed {
  path: string;
  left: string;
  right: string;
}

const largest = 500_000; // bytes of a file that is compared

async function changes(left: Run, right: Run, signal: AbortSignal): Promise<Changed[]> {
  const files = async (r: Run) => {
    const res = await get<{ files: { path: string; size: number }[] }>(`/runs/${r.id}/code/files`, {}, signal);
    return new Map(res.files.map((f) => [f.path, f.size]));
  };
  const [a, b] = await Promise.all([files(left), files(right)]);
  const text = (r: Run, has: Map<string, number>, path: string) => {
    const size = has.get(path);
    if (size === undefined) return "";
    return size > largest ? `(${plural(size, "byte")}: too large to compare here)` : getText(`/runs/${r.id}/code/file`, { path }, signal);
  };
  const out: Changed[] = [];
  for (const path of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    const [l, r] = await Promise.all([text(left, a, path), text(right, b, path)]);
    if (l !== r || a.has(path) !== b.has(path)) out.push({ path, left: l, right: r });
  }
  return out;
}

export function CodeDiff({ runs }: { runs: Run[] }) {
  const kept = runs.filter((r) => r.code);
  const other = kept.find((r) => r.code !== kept[0]?.code);
  const [pair, setPair] = useState<[number, number]>([kept[0]?.id ?? 0, (other ?? kept[1])?.id ?? 0]);
  const [left, right] = pair.map((id) => kept.find((r) => r.id === id));
  const side = (i: 0 | 1, label: string) => (
    <select
      class="input"
      aria-label={label}
      value={String(pair[i])}
      onChange={(e) => {
        const id = Number(e.currentTarget.value);
        setPair(i === 0 ? [id, pair[1]] : [pair[0], id]);
      }}
    >
      {kept.map((r) => (
        <option key={r.id} value={r.id}>
          run {r.id}
        </option>
      ))}
    </select>
  );
  return (
    <section class="panel code-diff" aria-label="Code">
      <div class="row" style={{ marginBottom: "0.5rem" }}>
        <h2>Code</h2>
        {other && kept.length > 2 ? [side(0, "Code of"), side(1, "against the code of")] : null}
      </div>
      {!left || !right ? (
        <p class="muted">The code of fewer than two of these runs was kept.</p>
      ) : !other ? (
        <p class="muted">The same in all runs.</p>
      ) : left.code === right.code ? (
        <p class="muted">The same in both runs.</p>
      ) : (
        <Files key={pair.join()} left={left} right={right} />
      )}
    </section>
  );
}

function Files({ left, right }: { left: Run; right: Run }) {
  const [files, setFiles] = useState<Changed[]>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const stop = new AbortController();
    changes(left, right, stop.signal)
      .then(setFiles)
      .catch((err: unknown) => {
        if (!stop.signal.aborted) setError(err);
      });
    return () => stop.abort();
  }, []);
  if (error) return <Failure error={error} />;
  if (!files) return <Skeleton lines={3} />;
  return (
    <>
      {files.map((f) => (
        <details key={f.path} open={files.length <= 3}>
          <summary class="mono">{marked(f.path)}</summary>
          <Differences of={f} left={left.id} right={right.id} />
        </details>
      ))}
    </>
  );
}

function Differences({ of, left, right }: { of: Changed; left: number; right: number }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`${of.path} in run ${left} and run ${right}`}>
      <table class="diff">
        <colgroup>
          <col class="no" />
          <col />
          <col class="no" />
          <col />
        </colgroup>
        <thead>
          <tr>
            {[left, right].map((id) => (
              <th colSpan={2} scope="colgroup">
                run {id}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{diff(of.left, of.right).map((row, i) => <DiffLine key={i} row={row} />)}</tbody>
      </table>
    </div>
  );
}

function DiffLine({ row }: { row: DiffRow }) {
  if (row.kind === "gap") {
    return (
      <tr class="gap">
        <td colSpan={4}>{plural(row.skipped ?? 0, "unchanged line")}</td>
      </tr>
    );
  }
  const same = row.kind === "same";
  return (
    <tr>
      <td class="no">{row.left?.number}</td>
      <td class={row.left && !same ? "removed" : ""}>
        {row.left && !same ? <span class="sign">−</span> : null}
        {row.left ? marked(row.left.text) : null}
      </td>
      <td class="no">{row.right?.number}</td>
      <td class={row.right && !same ? "added" : ""}>
        {row.right && !same ? <span class="sign">+</span> : null}
        {row.right ? marked(row.right.text) : null}
      </td>
    </tr>
  );
}
