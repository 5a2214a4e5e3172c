// The list of runs.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Flow, get, type Run } from "../api";
import { Failure, Skeleton, StatusPill, TaskBar, Took, useNow, When } from "../components/basic";
import { useGet, useKeys } from "../components/hooks";
import { plural } from "../format";
import { type Connection, listen } from "../live";
import { navigate, setQuery, useAddress } from "../router";
import { filtersOf, groupOf, groups, isFiltered, matches, merge, queryOf, spans } from "./filters";

export const statuses = ["running", "succeeded", "failed", "interrupted", "died"];

export function RunsPage() {
  const url = useAddress();
  const f = filtersOf(url.searchParams);
  const key = JSON.stringify({ ...f, group: "" });
  const [runs, setRuns] = useState<Run[]>();
  const [next, setNext] = useState("");
  const [error, setError] = useState<unknown>();
  const [turn, setTurn] = useState(0);
  const [connection, setConnection] = useState<Connection>("connecting");
  const [chosen, setChosen] = useState<number[]>([]);
  const [at, setAt] = useState(0);
  const search = useRef<HTMLInputElement>(null);
  const flows = useGet<{ flows: Flow[] }>("/flows");
  const now = useNow(true);
  const filters = useRef(f);
  filters.current = f;

  useEffect(() => {
    document.title = "Runs – Levada";
  }, []);

  useEffect(() => {
    const stop = new AbortController();
    get<{ runs: Run[]; next: string }>("/runs", queryOf(f, Date.now() * 1000), stop.signal)
      .then((res) => {
        setRuns(res.runs);
        setNext(res.next);
        setError(undefined);
        setAt(0);
      })
      .catch((err: unknown) => {
        if (!stop.signal.aborted) setError(err);
      });
    return () => stop.abort();
  }, [key, turn]);

  useEffect(() => {
    let fresh = true;
    const source = listen(
      "/api/v1/events",
      {
        reset: () => {
          if (!fresh) setTurn((n) => n + 1);
          fresh = false;
        },
        run: (run: Run) => setRuns((list) => list && merge(list, run, matches(filters.current, run, Date.now() * 1000))),
      },
      setConnection,
    );
    return () => source.close();
  }, []);

  const more = () => {
    if (!next) return;
    get<{ runs: Run[]; next: string }>("/runs", queryOf(f, Date.now() * 1000, next))
      .then((res) => {
        setRuns((list) => [...(list ?? []), ...res.runs.filter((r) => !list?.some((o) => o.id === r.id))]);
        setNext(res.next);
      })
      .catch(setError);
  };

  const shown = useMemo(() => {
    const list = runs ?? [];
    if (!f.group) return list.map((run) => ({ run, head: "", size: 0 }));
    const by = new Map<string, Run[]>();
    for (const r of list) by.set(groupOf(f.group, r), [...(by.get(groupOf(f.group, r)) ?? []), r]);
    return [...by].flatMap(([name, of]) => of.map((run, i) => ({ run, head: i === 0 ? name : "", size: of.length })));
  }, [runs, f.group]);

  const current = shown[Math.min(at, shown.length - 1)]?.run;
  const move = (by: number) => {
    const to = Math.max(0, Math.min(shown.length - 1, at + by));
    setAt(to);
    document.querySelector(`[data-row="${to}"]`)?.scrollIntoView({ block: "nearest" });
    if (by > 0 && to === shown.length - 1) more();
  };
  const choose = (id: number) => setChosen((list) => (list.includes(id) ? list.filter((n) => n !== id) : [...list, id].slice(-8)));
  const compare = () => chosen.length > 1 && navigate("/compare?" + [...chosen].sort((a, b) => a - b).map((id) => "run=" + id).join("&"));
  useKeys([
    { keys: "/", about: "Search", run: () => search.current?.focus() },
    { keys: "j", about: "Next run", run: () => move(1) },
    { keys: "k", about: "Previous run", run: () => move(-1) },
    { keys: "Enter", about: "Open the run", run: () => current && navigate(`/runs/${current.id}`) },
    { keys: "x", about: "Choose the run", run: () => current && choose(current.id) },
    { keys: "c", about: "Compare the chosen runs", run: compare },
    { keys: "m", about: "Metrics of the run's flow", run: () => current && navigate(`/flows/${current.flow}/metrics`) },
  ]);

  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const el = end.current;
    if (!el || !next) return;
    const watch = new IntersectionObserver((seen) => seen.some((e) => e.isIntersecting) && more(), { rootMargin: "400px" });
    watch.observe(el);
    return () => watch.disconnect();
  }, [next, key]);

  const users = [...new Set([f.user, ...(runs ?? []).map((r) => r.user)].filter(Boolean))].sort();
  return (
    <>
      {connection === "lost" && !error ? (
        <div class="lost" role="status">
          The server does not answer. What is shown may be old; it is asked again by itself.
        </div>
      ) : null}
      <div class="row spread">
        <h1>Runs</h1>
        {f.flow ? (
          <a class="button" href={`/flows/${encodeURIComponent(f.flow)}/metrics`}>
            Metrics of {f.flow}
          </a>
        ) : null}
      </div>
      <form class="filters" role="search" onSubmit={(e) => e.preventDefault()}>
        <input
          ref={search}
          class="input search"
          type="search"
          placeholder="Search: id, flow, user, tag, parameter value"
          aria-label="Search runs"
          value={f.q}
          onInput={(e) => setQuery({ q: e.currentTarget.value })}
        />
        <Choice label="Flow" all="all flows" value={f.flow} name="flow" options={(flows.data?.flows ?? []).map((x) => [x.name, x.name])} />
        <Choice label="Status" all="any status" value={f.status} name="status" options={statuses.map((s) => [s, s])} />
        <Choice label="User" all="all users" value={f.user} name="user" options={users.map((u) => [u, u])} />
        <Choice label="Time" all="any time" value={f.since} name="since" options={spans.map(([n, t]) => [n, t])} />
        <Choice label="Group" all="not grouped" value={f.group} name="group" options={groups} />
      </form>
      {f.tags.length + f.parameters.length > 0 || isFiltered(f) ? (
        <div class="row" style={{ marginBottom: "0.6rem" }}>
          {f.tags.map((t) => (
            <Removable text={t} remove={() => setQuery({ tag: f.tags.filter((o) => o !== t) })} />
          ))}
          {f.parameters.map((p) => (
            <Removable text={p.replace("=", " = ")} remove={() => setQuery({ parameter: f.parameters.filter((o) => o !== p) })} />
          ))}
          <button class="button plain" type="button" onClick={() => navigate(f.group ? `/?group=${f.group}` : "/")}>
            Clear filters
          </button>
        </div>
      ) : null}
      {error ? <Failure error={error} retry={() => setTurn((n) => n + 1)} /> : null}
      {!runs && !error ? <Skeleton lines={12} /> : null}
      {runs && runs.length === 0 && !error ? <Nothing filtered={isFiltered(f)} /> : null}
      {runs && runs.length > 0 ? (
        <div class="panel scroll" style={{ padding: 0 }}>
          <table class="grid">
            <caption class="hidden">Runs, the newest first</caption>
            <thead>
              <tr>
                <th class="wide">
                  <span class="hidden">Chosen</span>
                </th>
                <th>Run</th>
                <th>Status</th>
                <th>Started</th>
                <th class="num wide">Took</th>
                <th class="wide">Tasks</th>
                <th class="wide">User</th>
                <th class="wide">Parameters</th>
                <th class="wide">Tags</th>
              </tr>
            </thead>
            <tbody>
              {shown.map(({ run: r, head, size }, i) => [
                head ? (
                  <tr class="group" key={"g" + head}>
                    <td colSpan={9}>
                      {head} <span class="muted">{plural(size, "run")}</span>
                    </td>
                  </tr>
                ) : null,
                <tr key={r.id} data-row={i} class={`${i === at ? "current" : ""} ${chosen.includes(r.id) ? "chosen" : ""}`}>
                  <td class="wide">
                    <input type="checkbox" aria-label={`Choose run ${r.id}`} checked={chosen.includes(r.id)} onChange={() => choose(r.id)} />
                  </td>
                  <td>
                    <a href={`/runs/${r.id}`}>
                      <strong>{r.flow}</strong> <span class="muted">/</span> {r.id}
                    </a>
                    {r.origin ? (
                      <span class="muted" title={`Resumes run ${r.origin}`}>
                        {" "}
                        ↩ {r.origin}
                      </span>
                    ) : null}
                  </td>
                  <td>
                    <StatusPill status={r.status} />
                  </td>
                  <td>
                    <When at={r.created} now={now} />
                  </td>
                  <td class="num wide">
                    <Took from={r.created} to={r.ended} now={now} />
                  </td>
                  <td class="wide">
                    <TaskBar counts={r.tasks} />
                  </td>
                  <td class="wide">{r.user}</td>
                  <td class="wide">
                    <div class="clip mono">
                      {Object.entries(r.parameters ?? {}).map(([name, value], k) => (
                        <span>
                          {k > 0 ? "  " : ""}
                          <span class="muted">{name}=</span>
                          {value.length > 40 ? value.slice(0, 40) + "…" : value}
                        </span>
                      ))}
                    </div>
                  </td>
                  <td class="wide">
                    <span class="row" style={{ gap: "0.25rem" }}>
                      {r.tags.map((t) => (
                        <button class="tag" type="button" title={`Only runs tagged ${t}`} onClick={() => setQuery({ tag: [...new Set([...f.tags, t])] }, false)}>
                          {t}
                        </button>
                      ))}
                    </span>
                  </td>
                </tr>,
              ])}
            </tbody>
          </table>
        </div>
      ) : null}
      <div ref={end} class="muted" style={{ padding: "0.6rem 0" }}>
        {runs && runs.length > 0 ? (next ? "Loading more…" : plural(runs.length, "run")) : ""}
      </div>
      {chosen.length > 0 ? (
        <div class="panel selection" role="region" aria-label="Chosen runs">
          <span>{plural(chosen.length, "run")} chosen</span>
          <button class="button primary" type="button" disabled={chosen.length < 2} onClick={compare}>
            Compare
          </button>
          <button class="button plain" type="button" onClick={() => setChosen([])}>
            Choose none
          </button>
        </div>
      ) : null}
    </>
  );
}

function Choice({ label, all, value, name, options }: { label: string; all: string; value: string; name: string; options: [string, string][] }) {
  const known = !value || options.some(([v]) => v === value);
  return (
    <select class="input" aria-label={label} value={value} onChange={(e) => setQuery({ [name]: e.currentTarget.value }, false)}>
      <option value="">{all}</option>
      {known ? null : <option value={value}>{value}</option>}
      {options.map(([v, text]) => (
        <option value={v}>{text}</option>
      ))}
    </select>
  );
}

function Removable({ text, remove }: { text: string; remove: () => void }) {
  return (
    <span class="tag">
      {text}
      <button type="button" aria-label={`Remove the filter ${text}`} onClick={remove}>
        ×
      </button>
    </span>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <div class="empty panel">
        <h2>No run is like that</h2>
        <p>
          <a href="/">Show all runs</a>
        </p>
      </div>
    );
  }
  return (
    <div class="empty panel">
      <h2>Nothing has been run here yet</h2>
      <p>Run a flow in this folder, and it appears on this page while it runs:</p>
      <pre>levada run flow.py</pre>
    </div>
  );
}
