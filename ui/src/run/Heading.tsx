// The head of a run's page: what it is called, how it is, and what one can do with it.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Micros, Run } from "../api";
import { Copy, Ran, StatusPill, TaskBar, When } from "../components/basic";
import { Value } from "../components/Value";
import { number } from "../format";
import { Actions } from "./Actions";
import { Tags } from "./Tags";

interface Props {
  run: Run;
  now: Micros;
  steps: string[]; // at which it may be resumed
  gone: boolean; // it was removed
  retag: (tags: string[]) => void;
}

export function Heading({ run: r, now, steps, gone, retag }: Props) {
  const title = useRef<HTMLHeadingElement>(null);
  const cancelled = useRef(false); // here
  const news = useNews(r, () => {
    if (cancelled.current && document.activeElement === document.body) title.current?.focus({ preventScroll: true });
  });
  return (
    <>
      <p class="hidden" role="status">
        {news}
      </p>
      <div class="row spread">
        <div class="row">
          <div class="row named">
            <h1 ref={title} tabIndex={-1}>
              <Value of={r.flow} /> / {r.id}
            </h1>
            <Copy text={String(r.id)} what="the run id" />
          </div>
          <StatusPill status={r.status} />
          <TaskBar counts={r.tasks} over={r.status !== "running"} />
          {r.tasks?.caught ? (
            <a href={`/runs/${r.id}?tab=tasks&status=caught`} title="Tasks whose exception was caught by @catch">
              {number(r.tasks.caught)} caught
            </a>
          ) : null}
        </div>
        <Actions run={r} steps={steps} gone={gone} cancelled={() => (cancelled.current = true)} />
      </div>
      <div class="row muted" style={{ margin: "0.4rem 0 0.8rem" }}>
        <Facts run={r} now={now} />
        <Tags run={r} changed={retag} />
      </div>
    </>
  );
}

// useNews says to those who do not see it that a run has ended before one's eyes. What had the focus may be gone with that: see to it in over.
function useNews(r: Run, over: () => void): string {
  const before = useRef(r.status);
  const [news, setNews] = useState("");
  useLayoutEffect(() => {
    if (before.current === "running" && r.status !== "running") {
      setNews(`Run ${r.id}: ${r.status}`);
      over();
    }
    before.current = r.status;
  }, [r.status]);
  return news;
}

function Facts({ run: r, now }: { run: Run; now: Micros }) {
  return (
    <span class="row apart">
      <span>
        started <When at={r.created} now={now} /> by <Value of={r.user} />
      </span>
      <Ran from={r.created} to={r.ended} now={now} status={r.status} />
      {r.git_commit ? (
        <span>
          commit <code title={r.git_commit}>{r.git_commit.slice(0, 10)}</code>
          <Copy text={r.git_commit} what="the commit" />
          {r.git_dirty ? " with uncommitted changes" : ""}
        </span>
      ) : null}
      {r.origin ? (
        <span>
          resumes <a href={`/runs/${r.origin}`}>run {r.origin}</a>
          {r.resumed ? ` at ${r.resumed}` : ""}
        </span>
      ) : null}
      {r.project ? (
        <span>
          project <Value of={r.project} />, branch <Value of={r.branch ?? ""} />
        </span>
      ) : null}
    </span>
  );
}
