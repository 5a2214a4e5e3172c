// A run as it is now: fetched once, and then kept up to date by its events.

import { useEffect, useMemo, useState } from "preact/hooks";
import { get, type Graph, type Run, type Step, timeline, type Timeline } from "../api";
import { type Loaded, useGet } from "../components/hooks";
import { type Connection, listen } from "../live";
import { Rows } from "./rows";

export interface Live {
  run: Loaded<Run>;
  steps: Step[];
  names: string[]; // of the steps that are the user's
  rows: Rows; // of the timeline
  version: number; // of the rows, which change in place
  turn: number; // how often all was fetched
  connection: Connection;
  error: unknown;
  again: () => void;
}

export function useRun(id: number): Live {
  const run = useGet<Run>(`/runs/${id}`);
  const [steps, setSteps] = useState<Step[]>([]);
  const rows = useMemo(() => new Rows(), [id]);
  const [version, setVersion] = useState(0);
  const [turn, setTurn] = useState(0);
  const [connection, setConnection] = useState<Connection>("connecting");
  const [error, setError] = useState<unknown>();

  // The events are listened to first; the server says "reset" when everything that comes later is told, and then all is fetched.
  useEffect(() => {
    const source = listen(
      `/api/v1/runs/${id}/events`,
      {
        reset: () => setTurn((n) => n + 1),
        run: (next: Run) => run.set((old) => ({ ...next, tasks: next.tasks ?? old?.tasks }) as Run),
        steps: (next: { steps: Step[] }) => setSteps(next.steps),
        rows: (t: Timeline) => {
          rows.add(t);
          setVersion(rows.version);
        },
      },
      setConnection,
    );
    return () => source.close();
  }, [id]);

  useEffect(() => {
    if (turn === 0) return;
    const stop = new AbortController();
    const fail = (err: unknown) => {
      if (!stop.signal.aborted) setError(err);
    };
    setError(undefined);
    if (turn > 1) run.again();
    get<{ steps: Step[] }>(`/runs/${id}/steps`, {}, stop.signal)
      .then((res) => setSteps(res.steps))
      .catch(fail);
    timeline(id, stop.signal, (t) => {
      rows.add(t);
      setVersion(rows.version);
    }).catch(fail);
    return () => stop.abort();
  }, [turn, id]);

  const names = steps.filter((s) => s.name !== "_parameters").map((s) => s.name);
  return { run, steps, names, rows, version, turn, connection, error, again: () => setTurn((n) => n + 1) };
}

// useGraph asks for the graph of a run whose steps with these names are known. That of a run of Metaflow may come only after its first tasks.
export function useGraph(id: number, names: string[]): Loaded<{ graph: Graph }> {
  const graph = useGet<{ graph: Graph }>(`/runs/${id}/graph`);
  const drawn = graph.data?.graph.steps ?? {};
  const asked = Boolean(graph.data || graph.error);
  useEffect(() => {
    if (asked && names.some((n) => !drawn[n])) graph.again();
  }, [names.join(), asked]);
  return graph;
}
