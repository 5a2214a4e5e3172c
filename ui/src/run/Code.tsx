// The code of a run, as it was.

import { useEffect, useRef, useState } from "preact/hooks";
import { address, getText, type Run } from "../api";
import { Failure, Skeleton } from "../components/basic";
import { useGet } from "../components/hooks";
import { marked } from "../components/Value";
import { bytes } from "../format";
import { setQuery, useAddress } from "../router";

// turn changes when the server is there again: what it did not answer is asked anew.
export function Code({ run: r, turn }: { run: Run; turn: number }) {
  const files = useGet<{ files: { path: string; size: number }[] }>(`/runs/${r.id}/code/files`);
  const main = r.flow_file.split("/").at(-1) ?? "";
  const list = files.data?.files ?? [];
  const query = useAddress().searchParams;
  const asked = query.get("file");
  const at = Number(query.get("line"));
  const path = asked ?? (list.find((f) => f.path === main || f.path.endsWith("/" + main)) ?? list[0])?.path;
  const [text, setText] = useState<string>();
  const [error, setError] = useState<unknown>();
  const failed = useRef(false);
  failed.current = Boolean(error || files.error);
  const [again, setAgain] = useState(0);
  useEffect(() => {
    if (!failed.current) return;
    files.again();
    setAgain((n) => n + 1);
  }, [turn]);
  useEffect(() => {
    if (!path) return;
    const stop = new AbortController();
    setText(undefined);
    setError(undefined);
    getText(`/runs/${r.id}/code/file`, { path }, stop.signal)
      .then(setText)
      .catch((err: unknown) => {
        if (!stop.signal.aborted) setError(err);
      });
    return () => stop.abort();
  }, [path, r.id, again]);
  if (files.error) return <Failure error={files.error} />;
  if (!files.data) return <Skeleton />;
  return (
    <section class="panel">
      <div class="row spread" style={{ marginBottom: "0.6rem" }}>
        <span class="muted">
          {r.git_commit ? (
            <>
              commit <code>{r.git_commit}</code>
              {r.git_dirty ? " with uncommitted changes. This is the code that ran." : ""}
            </>
          ) : (
            "This is the code that ran."
          )}
        </span>
        <a class="button" href={address(`/runs/${r.id}/code.tar`)} download>
          Download
        </a>
      </div>
      <div class="files">
        <ul aria-label="Files" tabIndex={0}>
          {list.map((f) => (
            <li>
              <button type="button" aria-current={f.path === path} onClick={() => setQuery({ file: f.path, line: undefined })} title={bytes(f.size)}>
                {marked(f.path)}
              </button>
            </li>
          ))}
        </ul>
        <div>
          {error ? <Failure error={error} /> : null}
          {text === undefined && !error ? <Skeleton /> : null}
          {text !== undefined ? <Source key={path} path={path ?? ""} text={text} at={at} /> : null}
        </div>
      </div>
    </section>
  );
}

// Source is a file with the numbers of its lines, which are no part of its text. at is a line that is looked for.
function Source({ path, text, at }: { path: string; text: string; at: number }) {
  const view = useRef<HTMLPreElement>(null);
  useEffect(() => {
    view.current?.querySelector(".at")?.scrollIntoView({ block: "center" });
  }, [at]);
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return (
    <pre class="source" ref={view} tabIndex={0} role="region" aria-label={path}>
      {lines.map((line, i) => (
        <div key={i} class={i + 1 === at ? "at" : undefined} data-line={i + 1}>
          {line ? marked(line) : "\n"}
        </div>
      ))}
    </pre>
  );
}
