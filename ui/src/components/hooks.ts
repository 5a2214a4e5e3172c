// What pages do again and again: ask the server, and hear keys.

import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { get, isAway } from "../api";
import { keep, kept } from "../router";

export interface Loaded<T> {
  data: T | undefined;
  error: unknown;
  again: () => void;
  set: (change: (old: T | undefined) => T | undefined) => void;
}

export const retryAfter = 2000; // ms: a server that is away comes back, and nobody should have to press a button for that

// useGet asks for a path, undefined for nothing yet. While the same path is asked again, what was there stays.
export function useGet<T>(path: string | undefined, query: Record<string, string | number | string[] | undefined> = {}): Loaded<T> {
  const key = path === undefined ? "" : path + JSON.stringify(query);
  const [state, setState] = useState<{ key: string; data?: T; error?: unknown }>({ key: "" });
  const [turn, setTurn] = useState(0);
  const again = useCallback(() => setTurn((n) => n + 1), []);
  useEffect(() => {
    if (path === undefined) return;
    const stop = new AbortController();
    let retry = 0;
    get<T>(path, query, stop.signal)
      .then((data) => setState({ key, data }))
      .catch((error: unknown) => {
        if (stop.signal.aborted) return;
        setState((old) => (old.key === key && old.data ? { ...old, error } : { key, error }));
        if (isAway(error)) retry = window.setTimeout(again, retryAfter);
      });
    return () => {
      stop.abort();
      clearTimeout(retry);
    };
  }, [key, turn]);
  const set = useCallback((change: (old: T | undefined) => T | undefined) => {
    setState((old) => {
      const data = change(old.data);
      return data === undefined ? old : { ...old, data };
    });
  }, []);
  const mine = state.key === key;
  return { data: mine ? state.data : undefined, error: mine ? state.error : undefined, again, set };
}

// useAgain asks anew when what tells of a change is another than it was, and something; undefined: it is not known yet.
export function useAgain(again: () => void, version: number | undefined): void {
  const asked = useRef(version);
  useEffect(() => {
    if (version && asked.current !== undefined && version !== asked.current) again();
    asked.current = version;
  }, [version]);
}

export interface Shortcut {
  keys: string; // "j", "g r", "shift+?"
  about: string;
  run: () => void;
}

const active = new Map<object, Shortcut[]>();

export function shortcuts(): Shortcut[] {
  const seen = new Map<string, Shortcut>();
  for (const list of active.values()) for (const s of list) seen.set(s.keys, s);
  return [...seen.values()];
}

// useMedia tells whether a media query holds.
export function useMedia(query: string): boolean {
  const [is, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const update = () => set(media.matches);
    update();
    media.addEventListener("change", update);
    return () => media.removeEventListener("change", update);
  }, [query]);
  return is;
}

// useKeys makes keys work while the component is there, unless something is typed in.
export function useKeys(list: Shortcut[]): void {
  const ref = useRef({});
  active.set(ref.current, list);
  useEffect(() => () => void active.delete(ref.current), []);
}

const waysBack = 5000; // ms for a list to be as long as it was

// useWayBack scrolls to where a list was when it was left, as soon as it is as long again. whole: it does not become longer.
export function useWayBack(loaded: number, whole: boolean): void {
  const target = useRef(kept<number>("scroll") ?? 0);
  const until = useRef(Date.now() + waysBack);
  useLayoutEffect(() => {
    history.scrollRestoration = "manual"; // the browser would scroll too, whenever it likes, and as far as the list is long then
    return () => {
      history.scrollRestoration = "auto";
    };
  }, []);
  useLayoutEffect(() => {
    if (!target.current) return;
    window.scrollTo(0, target.current);
    if (whole || Math.abs(scrollY - target.current) < 2 || Date.now() > until.current) target.current = 0;
  }, [loaded, whole]);
  useEffect(() => {
    let timer = 0;
    const scrolled = () => {
      const where = location.href;
      clearTimeout(timer);
      // A browser takes only so many changes of its history in a time.
      timer = window.setTimeout(() => location.href === where && !target.current && keep("scroll", scrollY), 200);
    };
    window.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      clearTimeout(timer);
      window.removeEventListener("scroll", scrolled);
    };
  }, []);
}

let first = "";

export function hearKeys(): void {
  window.addEventListener("keydown", (e) => {
    const at = e.target as HTMLElement;
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
    if (at.closest("input:not([type=checkbox], [type=radio]), textarea, select, dialog, .popover-panel")) {
      if (e.key === "Escape" && at.matches("input")) at.blur();
      return;
    }
    const all = shortcuts();
    const word = first ? `${first} ${e.key}` : e.key;
    first = "";
    const hit = all.find((s) => s.keys === word);
    if (hit) {
      if (e.key === "Enter" && at.closest("a, button, summary, [role=tab]")) return; // what has the focus is meant
      e.preventDefault();
      hit.run();
    } else if (all.some((s) => s.keys.startsWith(e.key + " "))) {
      first = e.key;
      setTimeout(() => (first = ""), 1200);
    }
  });
}
