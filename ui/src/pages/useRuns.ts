// The runs that filters select: page by page, and live.

import { useEffect, useRef, useState } from "preact/hooks";
import { clockSet, get, isAway, now, Problem, type Run } from "../api";
import { retryAfter } from "../components/hooks";
import { type Connection, listen } from "../live";
import { type Filters, matches, queryOf } from "./filters";
import { kept } from "../router";
import { append, type List, merge, without } from "./list";

const page = 100;
const most = 500; // that are asked for at once
const drawEvery = 100;
const patience = 1000; // ms for the stream to begin; what is asked before it does has to be asked again
const removedEvery = 20_000; // an event tells of a run that was removed only if it was among the newest

export interface Runs {
  list: List | undefined;
  error: unknown;
  stale: boolean; // the list is that of other filters: the answer is on its way
  connection: Connection;
  more: () => void;
  again: () => void;
}

export function useRuns(filters: Filters): Runs {
  const key = JSON.stringify({ ...filters, group: "" });
  const [state, setState] = useState<{ key: string; list?: List; error?: unknown }>({ key: "" });
  const [turn, setTurn] = useState(document.hidden ? 1 : 0); // 0: the stream has not begun. Nobody listens while a page is hidden
  const [connection, setConnection] = useState<Connection>("connecting");
  const latest = useRef({ key, filters, state });
  latest.current = { key, filters, state };
  const busy = useRef(false);
  const again = () => setTurn((n) => n + 1);

  // Which runs are of the last hour may be known only now.
  useEffect(() => {
    window.addEventListener(clockSet, again);
    return () => window.removeEventListener(clockSet, again);
  }, []);

  useEffect(() => {
    if (turn > 0) return;
    const timer = setTimeout(again, patience);
    return () => clearTimeout(timer);
  }, [turn]);

  useEffect(() => {
    if (turn === 0) return;
    const stop = new AbortController();
    let retry = 0;
    const { state } = latest.current;
    const shown = state.key === key ? (state.list?.runs.length ?? 0) : state.key ? 0 : (kept<number>("loaded") ?? 0);
    get<List>("/runs", queryOf(filters, now(), Math.min(Math.max(page, shown), most)), stop.signal)
      .then((list) => setState({ key, list }))
      .catch((error: unknown) => {
        if (stop.signal.aborted) return;
        setState((old) => ({ ...old, key, error }));
        if (isAway(error) || (error instanceof Problem && error.status > 500)) retry = window.setTimeout(again, retryAfter);
      });
    return () => {
      stop.abort();
      clearTimeout(retry);
    };
  }, [key, turn]);

  useEffect(() => {
    // Many runs may change at once: the list is drawn once for all that comes in a moment.
    let waiting: Run[] = [];
    let timer = 0;
    const draw = () => {
      const runs = waiting;
      waiting = [];
      timer = 0;
      const at = now();
      setState((old) => {
        if (!old.list || old.key !== latest.current.key) return old;
        return { ...old, list: runs.reduce((list, r) => merge(list, r, matches(latest.current.filters, r, at)), old.list) };
      });
    };
    const source = listen(
      "/api/v1/events",
      {
        reset: again,
        run: (run: Run) => {
          waiting.push(run);
          timer ||= window.setTimeout(draw, drawEvery);
        },
        removed: ({ run }: { run: number }) => {
          waiting = waiting.filter((r) => r.id !== run);
          setState((old) => (old.list ? { ...old, list: { ...old.list, runs: old.list.runs.filter((r) => r.id !== run) } } : old));
        },
      },
      setConnection,
    );
    return () => {
      source.close();
      clearTimeout(timer);
    };
  }, []);

  useEffect(() => {
    const timer = setInterval(() => {
      const { key, filters, state } = latest.current;
      const runs = state.list?.runs ?? [];
      if (document.hidden || state.key !== key || runs.length === 0) return;
      const had = new Set(runs.map((r) => r.id));
      get<List>("/runs", queryOf(filters, now(), Math.min(runs.length, most)))
        .then((page) => setState((old) => (old.key === key && old.list ? { ...old, list: without(old.list, had, page) } : old)))
        .catch(() => {}); // the stream tells that the server is away
    }, removedEvery);
    return () => clearInterval(timer);
  }, []);

  const more = () => {
    const { list } = state;
    if (!list?.next || busy.current || state.key !== key) return;
    busy.current = true;
    get<List>("/runs", queryOf(filters, now(), page, list.next))
      .then((next) => setState((old) => (old.key === key && old.list ? { key, list: append(old.list, next) } : old)))
      .catch((error: unknown) => setState((old) => ({ ...old, error })))
      .finally(() => {
        busy.current = false;
      });
  };
  return { list: state.list, error: state.key === key ? state.error : undefined, stale: state.key !== key, connection, more, again };
}
