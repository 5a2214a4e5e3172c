// What the tests of the pages need: the program, a store with real runs, a server on it, and a browser.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, "..", "..");
export const results = join(here, "..", "test-results");
export const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// The browser: named by CHROMIUM, or one that is installed. `make test-ui` installs it where it may.
export function findBrowser() {
  const found = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"].find((p) => p && existsSync(p));
  if (!found) throw new Error("The tests of the web pages need Chromium. Install Debian's package chromium, or name the program with CHROMIUM.");
  return found;
}

// pretend has a page show a run as it is given. News of it, which tell of the run as it is, do not come.
export async function pretend(page, run) {
  const address = `**/api/v1/runs/${run.id}`;
  await page.route(address, (route) => route.fulfill({ json: run }));
  await page.route(`${address}/events`, (route) => route.fulfill({ contentType: "text/event-stream", body: "retry: 60000\n\n" }));
}

export class World {
  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), "levada-ui-"));
    this.bin = join(this.dir, "levada");
    this.flows = join(this.dir, "flows");
    execFileSync("go", ["build", "-o", this.bin, "./cmd/levada"], { cwd: root, stdio: "inherit" });
    execFileSync("cp", ["-r", join(here, "flows"), this.flows]);
    this.children = [];
    this.contexts = [];
    this.env = { ...process.env, LEVADA_HOME: join(this.dir, ".levada"), LEVADA_CACHE: join(this.dir, "cache"), USER: "ann", METAFLOW_USER: "ann", NO_COLOR: "1" };
    mkdirSync(results, { recursive: true });
  }

  // run runs a flow to its end and returns the run's id.
  run(file, ...args) {
    const id = join(this.dir, "id");
    try {
      execFileSync(this.bin, ["run", join(this.flows, file), "--run-id-file", id, ...args], { cwd: this.flows, env: this.env, stdio: "ignore" });
    } catch (err) {
      if (err.status !== 1) throw err; // a run that fails is what some tests want
    }
    return Number(readFileSync(id, "utf8"));
  }

  // start starts a flow and returns its process when it has a run.
  async start(file, ...args) {
    const id = join(this.dir, `id-${Math.random()}`);
    const child = spawn(this.bin, ["run", join(this.flows, file), "--run-id-file", id, ...args], { cwd: this.flows, env: this.env, stdio: "ignore" });
    this.children.push(child);
    const ended = new Promise((resolve) => child.on("exit", resolve));
    await until(() => existsSync(id) && readFileSync(id, "utf8").trim() !== "", "the run begins");
    return { child, ended, run: Number(readFileSync(id, "utf8")) };
  }

  async serve(port = 0) {
    const child = spawn(this.bin, ["server", "--port", String(port)], { cwd: this.dir, env: this.env, stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    child.stderr.on("data", (d) => (log += d));
    this.server = child;
    this.url = await new Promise((resolve, reject) => {
      let out = "";
      child.stdout.on("data", (d) => {
        out += d;
        if (out.includes("\n")) resolve(out.trim());
      });
      child.on("exit", (code) => reject(new Error(`the server ended with ${code}: ${log}`)));
    });
  }

  // guest tells the server what Metaflow, which records a run here, tells it of a flow.
  async guest(path, body) {
    return (await fetch(`${this.url}/metaflow/flows/GuestFlow${path}`, { method: "POST", body: JSON.stringify(body) })).json();
  }

  async stopServer() {
    const ended = new Promise((resolve) => this.server.on("exit", resolve));
    this.server.kill("SIGINT");
    return ended;
  }

  async browse() {
    this.browser = await chromium.launch({
      executablePath: findBrowser(),
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });
  }

  // page opens a page of the application. What it complains of fails the test that calls check.
  async page(path, { width = 1280, height = 900, theme = "light", scale = 1 } = {}) {
    const context = await this.browser.newContext({ viewport: { width, height }, deviceScaleFactor: scale, colorScheme: theme, baseURL: this.url });
    context.setDefaultTimeout(60_000); // only what hangs takes that long, also on a machine with much else to do
    this.contexts.push(context);
    const page = await context.newPage();
    page.complaints = [];
    page.on("pageerror", (e) => page.complaints.push(String(e)));
    page.on("console", (m) => {
      if (m.type() === "error") page.complaints.push(m.text());
    });
    await page.goto(path);
    return page;
  }

  // closePages is for after each test: pages that stay open listen to their streams and draw the time that goes on, all the way.
  async closePages() {
    await Promise.all(this.contexts.splice(0).map((c) => c.close()));
  }

  async end() {
    await this.browser?.close();
    for (const child of [...this.children, this.server]) child?.kill("SIGKILL");
    rmSync(this.dir, { recursive: true, force: true });
  }
}

// manyKinds is a world with two runs of different code that made all kinds of artifacts, one that failed, and one of many tasks.
export async function manyKinds() {
  const w = new World();
  const ids = { kinds: w.run("kinds.py", "--alpha", "0.1", "--tag", "exp:one") };
  appendFileSync(join(w.flows, "kinds.py"), "\n# tuned\n");
  ids.kinds2 = w.run("kinds.py", "--alpha", "0.9", "--learning-rate", "0.02", "--tag", "exp:two");
  ids.broken = w.run("broken.py");
  ids.wide = w.run("wide.py");
  await w.serve();
  await w.browse();
  return { w, ids };
}

export async function until(check, what, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const got = await check();
    if (got) return got;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

// become waits until what is read is what is wanted, and says what it is instead.
export async function become(read, wanted, what) {
  let got;
  await until(async () => isDeepStrictEqual((got = await read()), wanted), what).catch(() => assert.deepEqual(got, wanted, what));
}

// violations are what axe finds on a page, of all of its rules or of some.
export async function violations(page, rules) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
  const found = await page.evaluate((runOnly) => globalThis.axe.run(document, { runOnly, resultTypes: ["violations"] }), rules ?? ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]);
  return found.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html.slice(0, 160)).join(" | ")}`);
}
