// Where an exception came from: the user's lines, with those of libraries folded away between them, and what it came from below.

import { useMemo, useState } from "preact/hooks";
import type { Run } from "../api";
import { copy, toastError } from "../components/basic";
import { marked } from "../components/Value";
import { plural } from "../format";
import { inCode, parse, type Place, type Raised, runs, short } from "./trace";

// Message is what an exception says, or a run as a whole. One that is long scrolls, so that what stands below it stays in sight.
export function Message({ text }: { text: string }) {
  const long = text.length > 200 || text.split("\n").length > 5;
  return (
    <div class="said" {...(long ? { tabIndex: 0, role: "region", "aria-label": "Message" } : {})}>
      {marked(text)}
    </div>
  );
}

// said: the message that the page has above. run: the one whose code has the lines, if it is to be opened there.
export function Traceback({ text, said, folder = "", run }: { text: string; said: string; folder?: string; run?: Run }) {
  const [raw, setRaw] = useState(false);
  const raised = useMemo(() => parse(text), [text]);
  return (
    <div style={{ marginTop: "0.5rem" }}>
      {raw || !raised ? (
        <pre class="trace" tabIndex={0} role="region" aria-label="Traceback">
          {marked(text)}
        </pre>
      ) : (
        <div class="trace" tabIndex={0} role="region" aria-label="Traceback">
          <Places of={raised[0]!} folder={folder} run={run} told={raised[0]!.error.endsWith(said.trim())} />
          {raised.slice(1).map((r) => (
            <details class="cause">
              <summary>
                {r.cause === "cause" ? "Caused by " : "While handling "}
                {marked(r.error.split("\n")[0]!)}
              </summary>
              <Places of={r} folder={folder} run={run} />
            </details>
          ))}
        </div>
      )}
      <div class="row" style={{ marginTop: "0.3rem", gap: "0.3rem" }}>
        {raised ? (
          <button class="button plain" type="button" aria-pressed={raw} onClick={() => setRaw(!raw)}>
            As Python prints it
          </button>
        ) : null}
        <button class="button plain" type="button" onClick={() => copy(text).catch(toastError)}>
          Copy traceback
        </button>
      </div>
    </div>
  );
}

// told: the page has said the error already.
function Places({ of, folder, run, told }: { of: Raised; folder: string; run: Run | undefined; told?: boolean }) {
  const anyOwn = of.places.some((p) => p.own);
  return (
    <>
      {runs(of.places).map((r) =>
        r.own || !anyOwn ? (
          r.places.map((p) => <One p={p} folder={folder} run={run} />)
        ) : (
          <details>
            <summary class="muted">
              {plural(r.places.length, "frame")} in {[...new Set(r.places.map((p) => short(p.file, folder).split(/[\\/]/)[0]))].join(", ")}
            </summary>
            {r.places.map((p) => (
              <One p={p} folder={folder} run={run} />
            ))}
          </details>
        ),
      )}
      {told ? null : <div class="raised">{marked(of.error)}</div>}
    </>
  );
}

function One({ p, folder, run }: { p: Place; folder: string; run: Run | undefined }) {
  const text = `${short(p.file, folder)}:${p.line}`;
  const file = run?.code && inCode(p.file, run.flow_file);
  return (
    <div class="place">
      <div class="muted" title={p.file}>
        {run && file ? <a href={`/runs/${run.id}?tab=code&file=${encodeURIComponent(file)}&line=${p.line}`}>{text}</a> : text}
        {p.function ? ` in ${p.function}` : ""}
      </div>
      {p.source.length ? <pre>{marked(p.source.join("\n"))}</pre> : null}
    </div>
  );
}
