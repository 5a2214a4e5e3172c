// The list of runs.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Failure, Lost, Skeleton, useNow } from "../components/basic";
import { useKeys } from "../components/hooks";
import { Value } from "../components/Value";
import { number, plural, visible } from "../format";
import { keep, kept, navigate, useAddress } from "../router";
import { FilterBar } from "./FilterBar";
import { filtersOf, isFiltered } from "./filters";
import { RunsGrid } from "./RunsGrid";
import { useRuns } from "./useRuns";

export const mostCompared = 8;

export function RunsPage() {
  const f = filtersOf(useAddress().searchParams);
  const runs = useRuns(f);
  const now = useNow(true);
  const search = useRef<HTMLInputElement>(null);
  const [chosen, setChosen] = useState<ReadonlySet<number>>(() => new Set(kept<number[]>("chosen")));
  useLayoutEffect(() => keep("chosen", [...chosen]), [chosen, location.search]);
  useEffect(() => {
    document.title = "Runs – Levada";
  }, []);
  const compare = () => {
    const ids = [...chosen].sort((a, b) => a - b).slice(0, mostCompared);
    if (ids.length > 1) navigate(`/compare?${ids.map((id) => `run=${id}`).join("&")}`);
  };
  useKeys([{ keys: "/", about: "Search", run: () => search.current?.focus() }]);
  const list = runs.list?.runs;
  return (
    <>
      {runs.error ? null : <Lost connection={runs.connection} />}
      <div class="row spread">
        <h1>Runs</h1>
        <span class="muted grow" role="status">
          {list ? (runs.list?.next ? `${number(list.length)} and more` : plural(list.length, "run")) : ""}
        </span>
        {f.flow ? (
          <a class="button" href={`/flows/${encodeURIComponent(f.flow)}/metrics`} title={visible(f.flow)}>
            Metrics of{" "}
            <span class="cut">
              <Value of={f.flow} />
            </span>
          </a>
        ) : null}
      </div>
      <FilterBar f={f} runs={list ?? []} search={search} />
      {runs.error ? <Failure error={runs.error} retry={runs.again} /> : null}
      {!list && !runs.error ? <Skeleton lines={12} /> : null}
      {list?.length === 0 && !runs.error ? <Nothing filtered={isFiltered(f)} /> : null}
      {list?.length ? <RunsGrid runs={runs} f={f} now={now} chosen={chosen} choose={setChosen} compare={compare} /> : null}
      {chosen.size > 0 ? (
        <div class="panel selection" role="region" aria-label="Selected runs">
          <span>{plural(chosen.size, "run")} selected</span>
          <button class="button primary" type="button" disabled={chosen.size < 2} onClick={compare}>
            {chosen.size > mostCompared ? `Compare the first ${mostCompared}` : "Compare"}
          </button>
          <button class="button plain" type="button" onClick={() => setChosen(new Set())}>
            Clear selection
          </button>
        </div>
      ) : null}
    </>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <div class="empty panel">
        <h2>No run matches these filters</h2>
        <p>
          <a href="/">Show all runs</a>
        </p>
      </div>
    );
  }
  return (
    <div class="empty panel">
      <h2>No runs yet</h2>
      <p>Save a flow as hello.py in this folder:</p>
      <pre>{`from metaflow import FlowSpec, step


class HelloFlow(FlowSpec):
    @step
    def start(self):
        self.greeting = "hello"
        self.next(self.end)

    @step
    def end(self):
        print(self.greeting)


if __name__ == "__main__":
    HelloFlow()`}</pre>
      <p>Run it. The run appears here as soon as it starts:</p>
      <pre>levada run hello.py</pre>
    </div>
  );
}
