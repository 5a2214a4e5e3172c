// The tasks around a task: those of the same step, and those before and after it.

import { useEffect, useState } from "preact/hooks";
import { get, type Step, type TaskRef, timeline } from "../api";
import { number } from "../format";

export interface Among {
  at: number; // which of the step's tasks this is, from 1
  count: number;
  previous?: number;
  next?: number;
}

// useSiblings tells which tasks of the same step come before and after a task: those of a foreach, a gang or a loop.
export function useSiblings(run: number, step: string | undefined, id: number): Among {
  const [ids, setIDs] = useState<number[]>([]);
  const [waiting, setWaiting] = useState(0); // of a foreach that goes on: they have no ids yet
  useEffect(() => {
    if (step === undefined) return;
    const stop = new AbortController();
    const seen = new Set<number>();
    timeline(run, stop.signal, (t) => t.rows.task.forEach((n) => seen.add(n)), step)
      .then(() => setIDs([...seen].sort((a, b) => a - b)))
      .catch(() => {}); // the page is whole without it
    get<{ steps: Step[] }>(`/runs/${run}/steps`, {}, stop.signal)
      .then((r) => setWaiting(r.steps.find((s) => s.name === step)?.counts?.waiting ?? 0))
      .catch(() => {});
    return () => stop.abort();
  }, [run, step]);
  const i = ids.indexOf(id);
  return i < 0 ? { at: 0, count: 0 } : { at: i + 1, count: ids.length + waiting, previous: ids[i - 1], next: ids[i + 1] };
}

export function Siblings({ run, step, of, go }: { run: number; step: string; of: Among; go: (to: number) => void }) {
  return (
    <nav class="row" aria-label={`Tasks of ${step}`} style={{ gap: "0.3rem" }}>
      <button class="button" type="button" aria-label="Previous task of the step" title="Previous ( [ )" disabled={!of.previous} onClick={() => go(of.previous!)}>
        ‹
      </button>
      <a href={`/runs/${run}?tab=tasks&step=${encodeURIComponent(step)}`}>
        task {number(of.at)} of {number(of.count)}
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
