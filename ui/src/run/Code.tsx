// The code of a run, as it was.

import { useEffect, useState } from "preact/hooks";
import { address, getText, type Run } from "../api";
import { Failure, Skeleton } from "../components/basic";
import { useGet } from "../components/hooks";
import { marked } from "../components/Value";
import { bytes } from "../format";
import { setQuery, useAddress } from "../router";

export function Code({ run: r }: { run: Run }) {
  const files = useGet<{ files: { path: string; size: number }[] }>(`/runs/${r.id}/code/files`);
  const main = r.flow_file.split("/").at(-1) ?? "";
  const list = files.data?.files ?? [];
  const asked = useAddress().searchParams.get("file");
  const path = asked ?? (list.find((f) => f.path === main || f.path.endsWith("/" + main)) ?? list[0])?.path;
  const [text, setText] = useState<string>();
  const [error, setError] = useState<unknown>();
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
  }, [path, r.id]);
  if (files.error) return <Failure error={files.error} />;
  if (!files.data) return <Skeleton />;
  return (
    <section class="panel">
      <div class="row spread" style={{ marginBottom: "0.6rem" }}>
        <span class="muted">
          {r.git_commit ? (
            <>
              commit <code>{r.git_commit}</code>
              {r.git_dirty ? ", with changes that were not committed; this is the code that ran" : ""}
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
              <button type="button" aria-current={f.path === path} onClick={() => setQuery({ file: f.path })} title={bytes(f.size)}>
                {marked(f.path)}
              </button>
            </li>
          ))}
        </ul>
        <div>
          {error ? <Failure error={error} /> : null}
          {text === undefined && !error ? <Skeleton /> : null}
          {text !== undefined ? (
            <pre class="source" tabIndex={0} role="region" aria-label={path ?? ""}>
              {marked(text)}
            </pre>
          ) : null}
        </div>
      </div>
    </section>
  );
}
