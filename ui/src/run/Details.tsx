// The parameters of a run, and where it came from.

import type { Run } from "../api";
import { copy, toastError } from "../components/basic";
import { marked, Value } from "../components/Value";
import { exact } from "../format";

export function Details({ run: r }: { run: Run }) {
  const command = r.command_line.map((w) => (/^[\w./=:,@%+-]+$/.test(w) ? w : `'${w.replaceAll("'", "'\\''")}'`)).join(" ");
  const parameters = Object.entries(r.parameters ?? {});
  const facts: [string, string | undefined][] = [
    ["started", exact(r.created)],
    ["ended", r.status === "died" ? `not known; last heard from at ${exact(r.ended)}` : r.ended ? exact(r.ended) : "not yet"],
    ["host", r.host],
    ["folder", r.working_dir],
    ["flow file", r.flow_file],
    ["language", `${r.language} ${r.runtime}`],
    ["interpreter", r.interpreter],
    ["Levada", r.levada],
    ["SDK", r.sdk],
    ["git commit", r.git_commit ? r.git_commit + (r.git_dirty ? " with uncommitted changes" : "") : undefined],
    ["code package", r.code],
    ["workers", r.max_workers ? String(r.max_workers) : undefined],
    ["isolation", r.isolation],
    ["namespace", r.namespace],
    ["system tags", r.system_tags.join(", ")],
  ];
  return (
    <div class="columns">
      <section class="panel">
        <h2>Parameters</h2>
        {parameters.length === 0 ? <p class="muted">This flow has no parameters.</p> : null}
        <dl class="facts">
          {parameters.map(([name, value]) => [
            <dt>
              <Value of={name} />
            </dt>,
            <dd>
              <pre>{marked(value)}</pre>
            </dd>,
          ])}
        </dl>
      </section>
      <section class="panel">
        <div class="row spread">
          <h2>Origin</h2>
          {command ? (
            <button class="button" type="button" onClick={() => copy(command).catch(toastError)}>
              Copy the command
            </button>
          ) : null}
        </div>
        {command ? (
          <pre class="trace" tabIndex={0} style={{ whiteSpace: "pre-wrap", margin: "0.6rem 0" }}>
            {marked(command)}
          </pre>
        ) : null}
        <dl class="facts">{facts.map(([name, value]) => (value ? [<dt>{name}</dt>, <dd>{marked(value)}</dd>] : null))}</dl>
      </section>
    </div>
  );
}
