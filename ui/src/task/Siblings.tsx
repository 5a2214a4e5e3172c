// The tasks around a task: those of the same step, and those before and after it.

import type { Siblings as Among, TaskRef } from "../api";
import { number } from "../format";

export function Siblings({ run, step, of, go }: { run: number; step: string; of: Among; go: (to: number) => void }) {
  return (
    <nav class="row" aria-label={`Tasks of ${step}`} style={{ gap: "0.3rem" }}>
      <button class="button" type="button" aria-label="Previous task of the step" title="Previous ( [ )" disabled={!of.previous} onClick={() => go(of.previous!)}>
        ‹
      </button>
      <a href={`/runs/${run}?tab=tasks&step=${encodeURIComponent(step)}`}>
        task {number(of.position)} of {number(of.count)}
      </a>
      <button class="button" type="button" aria-label="Next task of the step" title="Next ( ] )" disabled={!of.next} onClick={() => go(of.next!)}>
        ›
      </button>
    </nav>
  );
}

export function Related({ run, refs, word }: { run: number; refs: TaskRef[]; word: string }) {
  if (refs.length === 0) return null;
  const shown = refs.slice(0, 3);
  return (
    <span>
      {word}{" "}
      {shown.map((r, i) => (
        <>
          {i > 0 ? ", " : ""}
          <a href={`/runs/${run}/tasks/${r.id}`}>
            {r.step === "_parameters" ? "the parameters" : `${r.step}/${r.id}`}
          </a>
        </>
      ))}
      {refs.length > shown.length ? (
        <>
          {" "}
          and <a href={`/runs/${run}?tab=tasks&step=${encodeURIComponent(refs[0]!.step)}`}>{number(refs.length - shown.length)} more</a>
        </>
      ) : null}
    </span>
  );
}
