import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "./api";
import { Dialog, Toasts } from "./components/basic";
import { hearKeys, shortcuts, useKeys } from "./components/hooks";
import { anew } from "./live";
import { ComparePage } from "./pages/ComparePage";
import { MetricsPage } from "./pages/MetricsPage";
import { RunsPage } from "./pages/RunsPage";
import { followLinks, navigate, pageOf, useAddress } from "./router";
import { RunPage } from "./run/RunPage";
import { TaskPage } from "./task/TaskPage";
import { lightOnPaper, setTheme, theme } from "./theme";

function App() {
  const url = useAddress();
  const page = pageOf(url.pathname, url.searchParams);
  const home = useStore();
  const [help, setHelp] = useState(false);
  // What had the focus is gone with the page before, and so would be the place from which Tab goes on.
  const place = useRef(url.pathname);
  useEffect(() => {
    if (page.name === "none") document.title = "Page not found – Levada";
    if (place.current !== url.pathname) document.getElementById("main")?.focus({ preventScroll: true });
    place.current = url.pathname;
  }, [url.pathname]);
  useKeys([
    { keys: "?", about: "Show the keyboard shortcuts", run: () => setHelp(true) },
    { keys: "g h", about: "Go to the list of runs", run: () => navigate("/") },
    { keys: "t", about: "Switch between light and dark", run: () => setTheme(theme() === "dark" ? "light" : "dark") },
  ]);
  return (
    <div class="shell">
      <a class="hidden" href="#main">
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="/">
          <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
            <rect width="32" height="32" rx="7" fill="var(--accent)" />
            <path d="M6 11c4 0 4 4 10 4s6-4 10-4M6 18c4 0 4 4 10 4s6-4 10-4" fill="none" stroke="var(--on-accent)" stroke-width="3" stroke-linecap="round" />
          </svg>
          Levada
        </a>
        <span class="store grow wide" title="The store whose runs are shown">
          <bdi>{home}</bdi>
        </span>
        <span class="grow" />
        <button class="button plain" type="button" onClick={() => setHelp(true)} aria-label="Keyboard shortcuts">
          <kbd>?</kbd>
        </button>
        <ThemeSwitch />
      </header>
      <main id="main" tabIndex={-1} style={{ outline: "none" }}>
        {page.name === "runs" ? <RunsPage /> : null}
        {page.name === "run" ? <RunPage run={page.run} key={page.run} /> : null}
        {page.name === "task" ? <TaskPage run={page.run} task={page.task} key={`${page.run}/${page.task}`} /> : null}
        {page.name === "metrics" ? <MetricsPage flow={page.flow} key={page.flow} /> : null}
        {page.name === "compare" ? <ComparePage runs={page.runs} key={page.runs.join()} /> : null}
        {page.name === "none" ? (
          <div class="empty">
            <h1>Page not found</h1>
            <p>
              <a href="/">Go to the list of runs</a>
            </p>
          </div>
        ) : null}
      </main>
      {help ? (
        <Dialog title="Keyboard shortcuts" close={() => setHelp(false)}>
          <dl class="facts">
            {shortcuts().map((s) => [
              <dt>
                {s.keys.split(" ").map((k) => (
                  <kbd style={{ marginRight: "0.2rem" }}>{k}</kbd>
                ))}
              </dt>,
              <dd>{s.about}</dd>,
            ])}
          </dl>
          <p class="row spread" style={{ marginBottom: 0 }}>
            <a href="/api/v1/openapi.json">Description of the HTTP API</a>
            <button class="button" type="button" autofocus onClick={() => setHelp(false)}>
              Close
            </button>
          </p>
        </Dialog>
      ) : null}
      <Toasts />
    </div>
  );
}

// useStore is the folder of the store. If the server comes back with another one, nothing that was loaded is true, whatever its ids are.
function useStore(): string {
  const [home, setHome] = useState("");
  useEffect(() => {
    let known = "";
    const look = () =>
      get<{ home: string }>("/info")
        .then((i) => {
          if (known && known !== i.home) return location.reload();
          known = i.home;
          setHome(i.home);
        })
        .catch(() => {}); // it is asked again when the server is back
    void look();
    window.addEventListener(anew, look);
    return () => window.removeEventListener(anew, look);
  }, []);
  return home;
}

function ThemeSwitch() {
  const [at, set] = useState(theme());
  useEffect(() => {
    const update = () => set(theme());
    window.addEventListener("levada:theme", update);
    return () => window.removeEventListener("levada:theme", update);
  }, []);
  const other = at === "dark" ? "light" : "dark";
  return (
    <button class="button plain" type="button" onClick={() => setTheme(other)} aria-label={`Switch to ${other} colours`}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.5" />
        <path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor" />
      </svg>
    </button>
  );
}

setTheme();
lightOnPaper();
hearKeys();
followLinks();
render(<App />, document.getElementById("app")!);
