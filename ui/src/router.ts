// Where one is: the path and the query of the address. Everything that a page shows by choice is in there, so that a link shows the same.

import { useEffect, useState } from "preact/hooks";

export type Page =
  | { name: "runs" }
  | { name: "run"; run: number }
  | { name: "task"; run: number; task: number }
  | { name: "metrics"; flow: string }
  | { name: "compare"; runs: number[] }
  | { name: "none" };

export function pageOf(path: string, query: URLSearchParams): Page {
  const parts = partsOf(path);
  if (!parts) return { name: "none" };
  const id = (text: string | undefined) => (text && /^\d+$/.test(text) ? Number(text) : -1);
  if (parts.length === 0) return { name: "runs" };
  if (parts[0] === "runs" && id(parts[1]) >= 0) {
    if (parts.length === 2) return { name: "run", run: id(parts[1]) };
    if (parts.length === 4 && parts[2] === "tasks" && id(parts[3]) >= 0) return { name: "task", run: id(parts[1]), task: id(parts[3]) };
  }
  if (parts[0] === "flows" && parts[1] && parts[2] === "metrics" && parts.length === 3) return { name: "metrics", flow: parts[1] };
  if (parts[0] === "compare" && parts.length === 1) {
    return { name: "compare", runs: query.getAll("run").map(id).filter((n) => n > 0) };
  }
  return { name: "none" };
}

// partsOf gives undefined for an address that is cut off in the middle of a letter, or written by hand.
function partsOf(path: string): string[] | undefined {
  try {
    return path.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

const changed = "levada:navigate";

export function navigate(to: string, replace = false): void {
  if (to === location.pathname + location.search + location.hash) return;
  if (replace) history.replaceState(history.state, "", to);
  else {
    keep("scroll", scrollY);
    history.pushState(null, "", to);
  }
  window.dispatchEvent(new Event(changed));
}

// What a page keeps of itself that is not worth a place in the address. It is there again after the way back, and after a reload.
// Who keeps something does so at once, in a layout effect: later, the page may be another.
export function keep(name: string, value: unknown): void {
  history.replaceState({ ...(history.state as object | null), [name]: value }, "");
}

export function kept<T>(name: string): T | undefined {
  return (history.state as Record<string, T> | null)?.[name];
}

export function useAddress(): URL {
  const [href, set] = useState(location.href);
  useEffect(() => {
    const update = () => set(location.href);
    const events = ["popstate", "hashchange", changed];
    for (const e of events) window.addEventListener(e, update);
    return () => {
      for (const e of events) window.removeEventListener(e, update);
    };
  }, []);
  return new URL(href);
}

// setQuery changes parameters of the address in place: undefined and "" remove one.
export function setQuery(change: Record<string, string | string[] | undefined>, replace = true): void {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(change)) {
    url.searchParams.delete(name);
    for (const v of Array.isArray(value) ? value : [value]) if (v) url.searchParams.append(name, v);
  }
  navigate(url.pathname + url.search + url.hash, replace);
}

// Links of the application are followed without loading the page anew.
export function followLinks(): void {
  document.addEventListener("click", (e) => {
    const a = (e.target as Element | null)?.closest("a"); // of HTML or of SVG
    const href = a?.getAttribute("href");
    if (!a || !href || e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    const to = new URL(href, location.href);
    if (a.hasAttribute("target") || a.hasAttribute("download") || to.origin !== location.origin || to.pathname.startsWith("/api/")) return;
    if (to.hash && to.pathname + to.search === location.pathname + location.search) return; // a place on this page, which the browser finds
    e.preventDefault();
    navigate(to.pathname + to.search + to.hash);
    window.scrollTo(0, 0);
  });
}
