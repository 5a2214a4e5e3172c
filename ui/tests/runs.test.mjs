// The list of runs, the page of a run and runs side by side: what is hard to see, to reach, or to find again.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { become, pretend, results, until, violations, World } from "./world.mjs";

let w;
const ids = {};
const data = (day) => `s3://a-bucket/of/the/team/features/customers/daily/partitioned/2026-11-${day}.parquet`;

before(async () => {
  w = new World();
  ids.whole = w.run("branches.py", "--data", data(23), "--note", "line1\nline2", "--tag", "nightly");
  ids.other = w.run("branches.py", "--data", data(24), "--note", "line1 line2", "--tag", "hello");
  ids.failed = w.run("branches.py", "--fail", "True");
  ids.broken = w.run("broken.py");
  const flow = await w.start("slow.py", "--until", join(w.dir, "never"));
  ids.died = flow.run;
  await w.serve();
  await until(async () => {
    const { tasks } = await (await fetch(`${w.url}/api/v1/runs/${flow.run}`)).json();
    return tasks.succeeded === 1 && tasks.running === 1;
  }, "the second task runs");
  flow.child.kill("SIGKILL");
  await flow.ended;
  await w.browse();
});

afterEach(() => w?.closePages());
after(() => w?.end());

const none = (page) => assert.deepEqual(page.complaints, []);
const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

test("runs side by side: what differs looks different", async () => {
  const page = await w.page(`/compare?run=${ids.whole}&run=${ids.other}&run=${ids.failed}`);
  const cells = (name) => page.getByRole("row", { name: new RegExp(`^${name} ≠`) }).first().getByRole("cell");
  await cells("data").first().waitFor();
  await become(() => cells("data").allInnerTexts(), [data(23), data(24), data(23)], "the values");
  await become(() => cells("data").locator("mark").allInnerTexts(), ["3", "4", "3"], "what differs in them");
  await become(() => cells("note").allInnerTexts(), ['"line1\\nline2"', '"line1 line2"', '""'], "lines and spaces");
  const whole = (el) => el.scrollWidth <= el.clientWidth && el.scrollHeight <= el.clientHeight + 1;
  for (const cell of await cells("data").all()) assert.ok(await cell.evaluate(whole), "nothing is cut");
  const curve = page.getByRole("img", { name: "curve of 3 runs" });
  await curve.getByText("2,000", { exact: true }).waitFor(); // of 3,000 values, of which 1,000 are drawn
  await page.getByText("The same in all runs.").waitFor();
  assert.equal(await page.getByLabel("Code of", { exact: true }).count(), 0, "there is nothing to choose");
  await page.getByRole("button", { name: "Only differences" }).click();
  await curve.waitFor({ state: "detached" });
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(results, "compare-branches.png") });
  none(page);
});

test("runs side by side: a list that looks the same and is not says where it differs, and how to see all of it", async () => {
  const page = await w.page(`/compare?run=${ids.whole}&run=${ids.other}&run=${ids.failed}`);
  const cells = page.getByRole("row", { name: /^visits ≠/ }).getByRole("cell");
  await cells.first().waitFor();
  const list = "list of 3,000 numbers";
  await become(() => cells.evaluateAll((all) => all.map((td) => [...td.childNodes].filter((n) => n.nodeName !== "DETAILS").map((n) => n.textContent))), [[list], [list, ` differs from run ${ids.whole} at [7]: 24, there 23`], [list, ` the same as in run ${ids.whole}`]], "what is said of each");
  await cells.nth(1).getByText("See all of it").click();
  const command = await cells.nth(1).locator("code").innerText();
  assert.match(command, /^levada dump /);
  const dump = execFileSync(w.bin, command.split(" ").slice(1), { env: w.env, encoding: "utf8" });
  assert.match(dump, /\[0, 1, 2, 3, 4, 5, 6, 24, 8, .* 2999\]/);
  assert.deepEqual(await violations(page), []);
  none(page);
});

test("runs side by side: one sees that there are more to the right, and gets there", async () => {
  const page = await w.page(`/compare?run=${ids.whole}&run=${ids.other}&run=${ids.failed}&run=${ids.broken}&run=${ids.died}`, { width: 700 });
  const more = page.getByRole("button", { name: "More columns" });
  const last = page.getByRole("columnheader").last();
  const inSight = () => last.evaluate((th) => th.getBoundingClientRect().right <= innerWidth);
  await more.waitFor();
  assert.equal(await inSight(), false);
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(results, "compare-sideways.png") });
  for (let i = 0; i < 10 && (await more.count()); i++) await more.click().catch(() => {}); // it goes at the end
  await until(inSight, "the last run is in sight");
  await more.waitFor({ state: "detached" });
  const name = page.getByRole("rowheader", { name: "status" });
  assert.ok((await name.boundingBox()).x >= 0, "what a row is stays in sight");
  await page.setViewportSize({ width: 1600, height: 900 });
  await until(inSight, "all of it is in sight");
  assert.equal(await more.count(), 0);
  none(page);
});

test("a wide graph is whole where there is room, begins at what failed where there is none, and keys reach it", async () => {
  const page = await w.page(`/runs/${ids.failed}`);
  const graph = page.getByRole("region", { name: "Graph of the flow" });
  const step = graph.getByRole("button", { name: "train 39/40 done, 1 failed", exact: true });
  await step.waitFor();
  assert.ok(await graph.evaluate((el) => el.scrollWidth <= el.clientWidth), "nothing is outside");
  for (const text of await graph.locator("g[role=button]").all()) {
    assert.ok(await text.evaluate((g) => [...g.querySelectorAll("text")].every((t) => t.getBBox().width <= g.querySelector("rect:last-of-type").getBBox().width - 8)), "a text is inside its box");
  }
  await graph.focus();
  await page.keyboard.press("Tab");
  await become(() => page.evaluate(() => document.activeElement.getAttribute("aria-label")), "start done", "the first step has the focus");
  await page.keyboard.press("Enter");
  await page.waitForURL(/step=start/);
  await page.getByText(/^1 of \d+ tasks$/).waitFor();

  await page.setViewportSize({ width: 390, height: 800 });
  await page.goto(`/runs/${ids.failed}`);
  await step.waitFor();
  const seen = async () => {
    const [outer, box] = [await graph.boundingBox(), await step.boundingBox()];
    return box.x >= outer.x && box.x + box.width <= outer.x + outer.width;
  };
  await until(seen, "the step that failed is in sight");
  await until(() => fits(page), "it fits");
  none(page);
});

test("a run that succeeded with an exception caught says so, and where", async () => {
  const page = await w.page(`/runs/${ids.whole}`);
  await page.getByRole("button", { name: "clean_addresses done, exception caught" }).waitFor();
  await page.getByText("tasks: 49 succeeded, 1 caught").waitFor();
  await page.getByRole("link", { name: "1 caught" }).click();
  await page.getByRole("link", { name: /^clean_addresses\// }).waitFor();
  await page.getByText("1 of 50 tasks").waitFor();
  none(page);
});

test("nobody knows how long a run that died ran", async () => {
  const page = await w.page(`/runs/${ids.died}`);
  await page.getByText(/^(ran at least|how long it ran is not known)/).waitFor();
  await page.getByRole("button", { name: "work died", exact: true }).waitFor();
  await page.getByText("tasks: 1 succeeded, 1 died").waitFor();
  await page.getByRole("tab", { name: "Tasks" }).click();
  await page.getByRole("row", { name: /work.*died/ }).getByText(/^(unknown|≥ .*)$/).waitFor();
  await page.goBack(); // a tab is a step of the way
  await page.getByRole("heading", { name: "Graph" }).waitFor();
  none(page);
});

test("tasks are sorted by a click on a head", async () => {
  const page = await w.page(`/runs/${ids.failed}?tab=tasks`);
  const head = (name) => page.getByRole("columnheader", { name });
  await head("Task").waitFor();
  const order = (name) => head(name).getAttribute("aria-sort");
  await become(() => order("Task"), "ascending", "as they began");
  await head("Status").getByRole("button").click();
  const first = page.locator("[data-task-row='0']");
  await first.getByText("failed").waitFor();
  await head("Took").getByRole("button").click();
  await become(() => order("Took"), "descending", "the longest come first");
  await page.waitForURL(/sort=-took/);
  const longest = await first.getByRole("link").innerText();
  await page.reload();
  await first.waitFor();
  await become(() => first.getByRole("link").innerText(), longest, "it is so after a reload");
  await become(() => first.locator("td").first().innerText(), longest, "the name is in the first column");
  assert.deepEqual(await violations(page), []);
  none(page);
});

test("what the pointer is on is said beside it", async () => {
  const page = await w.page(`/runs/${ids.failed}`);
  const canvas = page.locator("canvas");
  await until(() => page.evaluate(() => performance.getEntriesByName("timeline").length > 0), "the timeline is drawn");
  await canvas.evaluate((el) => el.scrollIntoView({ block: "center" }));
  const box = await canvas.boundingBox();
  const tip = page.locator(".tip");
  await until(async () => {
    for (let x = 40; x < box.width; x += 10) {
      await page.mouse.move(box.x + x, box.y + 34); // in the row of start
      if (await tip.isVisible()) {
        const at = await tip.boundingBox();
        return Math.abs(at.x - box.x - x) < 40 && Math.abs(at.y - box.y - 34) < 40;
      }
    }
  }, "the tip is near");
});

test("filters lead to other values, and words of a search hold by themselves", async () => {
  const page = await w.page("/?tag=hello&parameter=" + encodeURIComponent(`data=${data(24)}`));
  const rows = page.locator(".run-line");
  await rows.first().waitFor();
  await page.getByRole("button", { name: "Tags" }).click();
  await page.getByRole("checkbox", { name: "nightly" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Parameters" }).click();
  await page.getByRole("checkbox", { name: "fail=True" }).waitFor();
  await page.keyboard.press("Escape");
  await page.goto("/");
  await page.getByLabel("Search runs").fill("branches NIGHTLY ann");
  await until(async () => (await rows.count()) === 1, "one has all words");
  await page.getByLabel("Search runs").fill("hello nightly");
  await page.getByText("No run matches these filters").waitFor();

  await page.goto("/");
  await page.getByRole("button", { name: "Time" }).click();
  await page.getByRole("radio", { name: "any time" }).focus();
  await page.keyboard.press("ArrowDown");
  await page.waitForURL(/since=1h/);
  await page.keyboard.press("ArrowDown");
  await page.waitForURL(/since=1d/);
  await page.keyboard.press("Enter");
  await page.getByRole("radio", { name: "any time" }).waitFor({ state: "detached" });
  none(page);
});

test("the way back finds the list as it was", async () => {
  const one = await (await fetch(`${w.url}/api/v1/runs/${ids.whole}`)).json();
  const page = await w.page("/no/such/page");
  await page.getByRole("heading", { level: 1, name: "Page not found" }).waitFor();
  await page.route("**/api/v1/runs?*", async (route) => {
    const q = new URL(route.request().url()).searchParams;
    const from = Number(q.get("cursor") ?? 1000);
    const n = Number(q.get("limit"));
    await route.fulfill({ json: { runs: Array.from({ length: Math.min(n, from) }, (_, i) => ({ ...one, id: from - i, flow: `Flow${(from - i) % 2}` })), next: from > n ? String(from - n) : "" } });
  });
  await page.goto("/");
  for (const id of [1000, 999]) await page.getByRole("checkbox", { name: `Select run ${id}`, exact: true }).click();
  await page.keyboard.press("c");
  await page.waitForURL(/compare/);
  await page.goBack();
  await page.getByText("2 runs selected").waitFor();

  await until(async () => {
    await page.mouse.wheel(0, 2000);
    return page.evaluate(() => scrollY > 9000);
  }, "the list is scrolled");
  let before = -1;
  await until(async () => before === (before = await page.evaluate(() => scrollY)), "the list stands still");
  // One in the middle of the window: the others are not there for long.
  const name = await page.locator(".run-line").evaluateAll((lines) => lines.find((l) => l.getBoundingClientRect().top > innerHeight / 2).querySelector("a").innerText);
  await page.getByRole("link", { name, exact: true }).click();
  await page.waitForURL(/runs/);
  await become(() => page.evaluate(() => document.activeElement.id), "main", "the focus is on the new page");
  await page.goBack();
  await until(async () => {
    const again = page.getByRole("link", { name, exact: true });
    return (await again.count()) === 1 && again.evaluate((el) => el.getBoundingClientRect().top > 0 && el.getBoundingClientRect().bottom < innerHeight);
  }, "the run is in sight again");

  await become(() => page.locator(".run-line.current").getAttribute("data-run"), name.match(/\d+$/)[0], "the keys go on from there");

  await page.goto("/?group=flow");
  await page.getByText(/^50 runs loaded$/).first().waitFor();
  await page.locator(".run-group").first().getByRole("button").click();
  await page.locator(".run-group button[aria-expanded=false]").waitFor();
  await page.reload();
  await page.locator(".run-group button[aria-expanded=false]").waitFor();
});

test("names that are long make no page wider than the screen, and leave ids in sight", async () => {
  const long = `A${"VeryLongNameOfAFlow".repeat(6)}`;
  const one = { ...(await (await fetch(`${w.url}/api/v1/runs/${ids.whole}`)).json()), flow: long };
  const page = await w.page("/no/such/page");
  await page.route("**/api/v1/runs?*", (route) => route.fulfill({ json: { runs: [one], next: "" } }));
  await page.route("**/api/v1/flows", (route) => route.fulfill({ json: { flows: [{ name: long, runs: 1, latest: one.id, created: one.created }] } }));
  await pretend(page, one);
  const widths = async (what, check = () => true) => {
    for (const width of [390, 768, 776, 1024, 1280]) {
      await page.setViewportSize({ width, height: 900 });
      await until(async () => (await fits(page)) && (await check(width)), `${what} at ${width}`);
    }
  };
  await page.goto("/");
  const link = page.getByRole("link", { name: new RegExp(`/ ${one.id}$`) });
  await link.waitFor();
  const end = (el) => el.getBoundingClientRect().right;
  await widths("the list with the id in sight", async (width) => {
    const columns = (await page.getByRole("columnheader", { name: "Parameters" }).isVisible()) === width > 900;
    return columns && (await link.locator("> span").evaluate(end)) <= (await page.locator(".c-run").evaluate(end)) + 1;
  });
  await page.goto(`/?flow=${long}`);
  await page.getByRole("link", { name: "Metrics of" }).waitFor();
  await widths("the list of the flow");
  await link.click();
  await page.getByRole("heading", { name: long }).waitFor();
  await widths("the run");
});

test("the list has room for the names of flows, and its columns do not touch", async () => {
  const whole = await (await fetch(`${w.url}/api/v1/runs/${ids.whole}`)).json();
  const now = Date.now() * 1000;
  const one = { ...whole, flow: "TrainChurnModel", status: "interrupted", created: now - 59.5 * 60e6, ended: now - 1e6, tasks: { ...whole.tasks, running: 0, succeeded: 10_000, killed: 2000, waiting: 0 } };
  const page = await w.page("/no/such/page");
  await page.route("**/api/v1/runs?*", (route) => route.fulfill({ json: { runs: [one], next: "" } }));
  await page.goto("/");
  await page.getByText("10,000/12,000").waitFor();
  const name = page.locator(".c-run .cut");
  const cramped = () => page.locator(".run-line").evaluate((row) => [...row.querySelectorAll(".status, .c-started, .c-took, .c-tasks")].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.textContent));
  for (const width of [390, 641, 700, 761, 850, 901, 1000, 1100, 1151, 1280, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    await become(cramped, [], `nothing is beyond its column at ${width}`);
    await until(() => fits(page), `it fits at ${width}`);
    const least = width === 390 ? 10 : 15;
    const seen = await name.evaluate((e) => (e.clientWidth / e.scrollWidth) * e.textContent.length);
    assert.ok(seen >= least, `no more than ${seen} letters of the name are in sight at ${width}`);
  }
  none(page);
});

test("the list says what a run failed of, and tabs how much is in them", async () => {
  const page = await w.page("/");
  const line = page.locator(`.run-line[data-run='${ids.broken}']`);
  const why = line.locator(".why");
  await why.getByText(/^step train, task \d+: ValueError: the loss is not a number: the learning rate 0.4 is too large$/).waitFor();
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    const inside = async () => {
      const [outer, inner] = [await line.boundingBox(), await why.boundingBox()];
      return inner.y >= outer.y && inner.y + inner.height <= outer.y + outer.height && inner.x + inner.width <= outer.x + outer.width;
    };
    await until(inside, "the reason is inside its line");
    await until(() => fits(page), "nothing is wider");
    assert.deepEqual(await violations(page), []);
    await page.screenshot({ path: join(results, `why-${width}.png`) });
  }
  await page.locator(".run-line[data-row='0']").waitFor();
  await page.locator(`.run-line[data-run='${ids.died}'] .why`).getByText("its process is gone", { exact: true }).waitFor();
  await become(() => page.locator(".why").count(), 3, "only what failed or died says why");

  await page.goto(`/runs/${ids.whole}`);
  await page.getByRole("tab", { name: "Tasks 50", exact: true }).waitFor();
  await page.getByRole("tab", { name: "Cards 0", exact: true }).waitFor();
  await page.goto(`/runs/${ids.whole}/tasks/1`);
  await page.getByRole("tab", { name: /^Artifacts [1-9]\d*$/ }).waitFor();
  none(page);
});

test("the focus stays near when tags go and come", async () => {
  const page = await w.page(`/runs/${ids.other}`);
  await page.getByRole("button", { name: "+ tag" }).click();
  await page.getByLabel("New tag").fill("a-new-one");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "a-new-one" }).waitFor();
  const focusOn = async (name) => { // it follows what is drawn, and that may be a moment later
    const read = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent);
    await until(async () => (await read()) === name, `the focus is on ${name}`);
  };
  await focusOn("+ tag");
  const remove = page.getByRole("button", { name: "Remove the tag a-new-one" });
  const box = await remove.boundingBox();
  assert.ok(box.width >= 24 && box.height >= 24);
  await page.route(`**/runs/${ids.other}/tags`, async (route) => {
    execFileSync(w.bin, ["tag", "add", String(ids.other), "zzz"], { cwd: w.flows, env: w.env }); // somebody else is faster
    await page.getByRole("link", { name: "zzz" }).waitFor();
    await route.continue();
  }, { times: 1 });
  await remove.focus();
  await page.keyboard.press("Enter");
  await remove.waitFor({ state: "detached" });
  await focusOn("Remove the tag hello");
  await page.keyboard.press("?");
  await focusOn("Close");
  await page.keyboard.press("Escape");
  for (let i = 0; i < 2; i++) { // a browser heeds autofocus once
    await page.getByRole("button", { name: "+ tag" }).click();
    await focusOn("New tag");
    await page.keyboard.type("not one");
    await page.keyboard.press("Escape");
    await page.getByLabel("New tag").waitFor({ state: "detached" });
    await focusOn("+ tag");
  }
  none(page);
});

test("a line of a traceback is a link to the code that ran", async () => {
  const page = await w.page(`/runs/${ids.broken}`, { height: 500 });
  await page.getByRole("link", { name: "broken.py:8" }).click();
  const line = page.locator(".source .at");
  await line.getByText("raise ValueError").waitFor();
  assert.equal(await line.evaluate((el) => getComputedStyle(el, "::before").content), '"8"');
  await until(() => line.evaluate((el) => el.getBoundingClientRect().top > 0 && el.getBoundingClientRect().bottom < innerHeight), "the line is in sight");
  assert.deepEqual(await violations(page), []);
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  assert.ok(await page.locator("header.top").isHidden());
  assert.ok(await page.locator(".source").evaluate((el) => el.scrollHeight <= el.clientHeight + 1), "on paper all of it is there");
  await page.screenshot({ path: join(results, "print.png"), fullPage: true });
  await page.goto(`/runs/${ids.failed}`);
  await page.getByText("ended by signal 9, as when memory runs out").waitFor();
  none(page);
});

test("why a task without an exception failed is said once, and in words", async () => {
  const page = await w.page("/");
  const line = page.locator(`.run-line[data-run='${ids.failed}'] .why`);
  await become(() => line.innerText().then((text) => text.replace(/^step train, task \d+: /, "")), "ended by signal 9, as when memory runs out", "in the list");
  await page.goto(`/runs/${ids.failed}`);
  const why = page.getByRole("region", { name: "Why it failed" });
  const what = async () => (await why.locator(".what").innerText()).replace(/\d+/, "N").replace(/\s+/g, " ");
  await become(what, "train/N failed: ended by signal 9, as when memory runs out", "of a signal");
  assert.equal(await why.getByText(/^step train/).count(), 0, "what was said above is not said again");
  const { failed_task } = await (await fetch(`${w.url}/api/v1/runs/${ids.failed}`)).json();
  await page.route(`**/api/v1/runs/${ids.failed}/tasks/${failed_task}`, async (route) => {
    const task = await (await route.fetch()).json();
    Object.assign(task.attempts.at(-1), { signal: 0, exit_code: 3 });
    await route.fulfill({ json: task });
  });
  await page.reload();
  await become(what, "train/N failed: its process ended with exit code 3", "of an exit code");
  none(page);
});

test("commands in what Levada says are set as code", async () => {
  const page = await w.page("/runs/99999");
  const alert = page.getByRole("alert");
  await alert.locator("code", { hasText: "levada runs" }).waitFor();
  await page.route("**/api/v1/runs/99998", (route) => route.abort());
  await page.goto("/runs/99998");
  await alert.locator("code", { hasText: "levada server" }).waitFor();
  assert.match(await alert.innerText(), /Is levada server still running\?/);
  assert.doesNotMatch(await alert.innerText(), /`/);
});

test("a list is asked for once", async () => {
  const page = await w.page("/no/such/page");
  const asked = [];
  page.on("request", (r) => r.url().includes("/api/v1/runs?") && asked.push(r.url()));
  await page.clock.install();
  await page.goto("/");
  await page.locator(".run-line").first().waitFor();
  await page.clock.fastForward(5000); // in which it was asked again
  await page.evaluate(() => fetch("/api/v1/info")); // behind all that was asked before it
  assert.equal(asked.length, 1);
  none(page);
});

test("a run that is removed while it is looked at", async () => {
  const id = w.run("branches.py");
  const list = await w.page("/no/such/page");
  await list.goto("/");
  const link = list.getByRole("link", { name: `BranchesFlow / ${id}` });
  await link.waitFor();
  const run = await w.page("/no/such/page");
  await run.clock.install();
  await run.goto(`/runs/${id}`);
  await run.getByRole("button", { name: "Resume" }).waitFor();
  const task = await w.page(`/runs/${id}/tasks/1`);
  await task.getByRole("heading", { level: 1 }).waitFor();
  execFileSync(w.bin, ["rm", String(id)], { cwd: w.dir, env: w.env, stdio: "pipe" });
  await link.waitFor({ state: "detached" });
  for (const page of [run, task]) await page.getByText("This run was removed.").waitFor();
  assert.equal(await run.getByRole("button", { name: "Resume" }).count(), 0);
  let asked = 0;
  run.on("request", () => asked++);
  await run.clock.fastForward(60_000);
  await run.evaluate(() => fetch("/api/v1/info")); // behind all that was asked before it
  assert.equal(asked, 1, "it is not asked for any more");
  none(list);
});

test("a run that is missing is left out of a comparison, and what failed more is said", async () => {
  const page = await w.page(`/compare?run=${ids.whole}&run=99999&run=${ids.other}`);
  await page.getByRole("heading", { name: "2 runs compared" }).waitFor();
  await page.getByText("Run 99999 does not exist or was removed.").waitFor();
  const table = page.getByRole("region", { name: "Runs side by side" });
  await table.getByRole("rowheader", { name: "curve" }).waitFor();
  assert.equal(await table.getByRole("rowheader", { name: "note" }).count(), 1, "a parameter is told once");
  await page.goto("/compare?run=99998&run=99999");
  await page.getByRole("heading", { name: "Nothing to compare" }).waitFor();

  await page.route(`**/api/v1/runs/${ids.failed}`, async (route) => {
    const run = await (await route.fetch()).json();
    await route.fulfill({ json: { ...run, tasks: { ...run.tasks, failed: 4, waiting: 30 } } });
  });
  await page.goto(`/runs/${ids.failed}`);
  await page.getByText("30 never started").first().waitFor();
  await page.getByRole("link", { name: "3 more failed tasks" }).click();
  await page.waitForURL(/tab=tasks&status=failed/);
});

test("an artifact that cannot be shown is said to be so in its place of a comparison, and the rest is there", async () => {
  const page = await w.page("/no/such/page");
  const broken = `**/runs/${ids.other}/tasks/*/artifacts/curve/preview*`;
  await page.route(broken, (route) => route.fulfill({ status: 500, json: { detail: "the value is damaged", hint: "Run levada doctor." } }));
  await page.goto(`/compare?run=${ids.whole}&run=${ids.other}&run=${ids.failed}`);
  const curve = page.getByRole("row", { name: /^curve/ }).getByRole("cell");
  await curve.first().waitFor();
  await become(() => curve.allInnerTexts(), ["list of 3,000 numbers", "Cannot be shown: the value is damaged\nRun levada doctor.", "list of 3,000 numbers"], "what is known of each");
  await page.getByRole("rowheader", { name: "note ≠" }).first().waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  assert.deepEqual(await violations(page), []);

  // Of a server that is away nothing can be shown, until it is back.
  await page.unroute(broken);
  await page.route(broken, (route) => route.abort());
  await page.reload();
  await page.getByRole("alert").getByText("The server does not answer.").waitFor();
  await page.unroute(broken);
  await page.getByRole("img", { name: "curve of 3 runs" }).waitFor();
});

test("from a failed run it is one click to what differs from the run before that succeeded", async () => {
  const page = await w.page(`/runs/${ids.failed}`);
  await page.getByRole("link", { name: `What differs from run ${ids.other}, which succeeded` }).click();
  await page.getByRole("heading", { name: "2 runs compared" }).waitFor();
  await page.getByRole("button", { name: "Only differences", pressed: true }).waitFor();
  await become(() => page.getByRole("row", { name: /^fail ≠/ }).getByRole("cell").allInnerTexts(), ["False", "True"], "what was asked for");
  await page.getByText(`Artifacts at the end of the run; of run ${ids.failed}, which did not get there, those of its last task`).waitFor();
  await page.goto(`/runs/${ids.broken}`);
  await page.getByRole("link", { name: "broken.py:8" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "What differs" }).count(), 0, "none has succeeded before");
  none(page);
});

test("metrics of runs whose only numbers are parameters say so, and draw those that are chosen", async () => {
  const page = await w.page("/flows/BranchesFlow/metrics");
  const why = page.getByRole("heading", { name: "The only numbers here are parameters" });
  await why.waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByRole("group", { name: "Numbers to show" }).getByRole("button", { name: "fail" }).click();
  await page.getByRole("group", { name: /^fail of \d+ runs of BranchesFlow$/ }).waitFor();
  assert.equal(await why.count(), 0);
  none(page);
});

test("lines of a traceback are not wrapped, and the names in a timeline take the room that they need", async () => {
  const page = await w.page(`/runs/${ids.broken}`, { width: 390 });
  const line = page.locator(".place pre", { hasText: "raise ValueError" });
  await line.waitFor();
  const rows = (el) => [el.textContent.split("\n").length, Math.round(el.clientHeight / Number.parseFloat(getComputedStyle(el).lineHeight))];
  const [written, drawn] = await line.evaluate(rows);
  assert.equal(drawn, written);
  await until(() => fits(page), "they scroll by themselves");
  const left = () =>
    page.locator("canvas").evaluate((c) => {
      const above = c.getContext("2d").getImageData(0, Math.round((27 * c.height) / c.clientHeight), c.width, 1).data; // the name of the first step, beside its bar
      return (above.findIndex((v, i) => i % 4 === 3 && v > 0) * c.clientWidth) / (4 * c.width);
    });
  await until(async () => (await left()) > 0, "it is drawn");
  assert.ok((await left()) < 70, "start and train are short");
  none(page);
});

test("where a pixel is two, no line shows at the edge of what does not scroll", async () => {
  const { failed_task } = await (await fetch(`${w.url}/api/v1/runs/${ids.broken}`)).json();
  const page = await w.page(`/runs/${ids.broken}/tasks/${failed_task}`, { width: 720, scale: 2 });
  // Which pixels at an edge, where nothing is written, have another colour than those further in.
  const lines = async (selector) => {
    const png = await page.locator(selector).first().screenshot();
    return page.evaluate(async (data) => {
      const image = new Image();
      image.src = `data:image/png;base64,${data}`;
      await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height);
      const c = canvas.getContext("2d");
      c.drawImage(image, 0, 0);
      const at = (x, y) => c.getImageData(x, y, 1, 1).data.join();
      const [right, low] = [image.width - 1, image.height - 1];
      const inside = at(right - 80, 8);
      return { top: at(right - 80, 0) !== inside, left: at(0, 8) !== inside, right: at(right, 8) !== inside, bottom: at(right - 80, low) !== inside };
    }, png.toString("base64"));
  };
  await page.locator(".said").waitFor();
  const none = { top: false, left: false, right: false, bottom: false };
  assert.deepEqual(await lines(".said"), none);
  assert.deepEqual({ ...(await lines(".tabs")), bottom: false }, none, "but for the line under the tabs");
});

test("copying what a command takes", async () => {
  const page = await w.page(`/runs/${ids.failed}`);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole("button", { name: "Copy the run id" }).click();
  await until(async () => (await copied()) === String(ids.failed), "the number is copied");
  await page.getByRole("button", { name: "Copy the task for a command" }).click();
  await until(async () => new RegExp(`^${ids.failed}/train/\\d+$`).test(await copied()), "the task is copied");
  await page.goto(`/runs/${ids.whole}/tasks/1`);
  await page.getByRole("button", { name: "Copy the task for a command" }).click();
  await become(copied, `${ids.whole}/start/1`, "so is that of a task's own page");
  none(page);
});

test("on a phone, names of steps have more room than thousandths of seconds", async () => {
  const page = await w.page(`/runs/${ids.whole}?tab=tasks`, { width: 390 });
  const row = page.locator("[data-task-row='0'] td:visible");
  await become(async () => /^\d\d:\d\d:\d\d$/.test(await row.nth(2).innerText()), true, "the time to the second");
  await until(async () => (await row.first().boundingBox()).width >= 100, "room for names");
  await until(() => fits(page), "it fits");
  await page.setViewportSize({ width: 1280, height: 900 });
  await become(async () => /^\d\d:\d\d:\d\d\.\d{3}$/.test(await row.nth(4).innerText()), true, "all of it where there is room");
  none(page);
});

test("names that are longer than a phone is wide are wrapped", async () => {
  const id = w.run("long.py");
  const page = await w.page(`/runs/${id}?tab=details`, { width: 390 });
  await page.getByText("share_of_the_customers_that_are_left_out_of_the_training").waitFor();
  assert.ok(await fits(page), "the parameters fit");
  await page.goto(`/runs/${id}/tasks/1`);
  await page.getByRole("link", { name: "train_the_model_on_all_customers_of_the_last_twelve_months/2" }).waitFor();
  assert.ok(await fits(page), "the tasks around a task fit");
  none(page);
});

test("a run whose tasks have not come yet is not said to have none", async () => {
  const page = await w.page("/");
  let answer;
  const held = new Promise((resolve) => (answer = resolve));
  await page.route(/\/(timeline|steps)/, async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(`/runs/${ids.whole}`);
  await page.getByText("Loading…", { exact: true }).waitFor();
  assert.equal(await page.getByText(/not started|No task has started|^0 tasks/).count(), 0);
  await page.getByRole("tab", { name: "Tasks" }).click();
  await page.getByRole("status", { name: "Loading" }).waitFor();
  assert.equal(await page.getByText("No task has started yet.").count(), 0);
  answer();
  await page.getByRole("link", { name: "start/1", exact: true }).waitFor();
  none(page);
});

test("copying works where the browser lends no clipboard, as over HTTP from another machine", async () => {
  const page = await w.page("/");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.context().addInitScript(() => Object.defineProperty(Navigator.prototype, "clipboard", { value: undefined }));
  const other = await page.context().newPage();
  await other.goto(`${w.url}/runs/${ids.failed}`);
  const button = other.getByRole("button", { name: "Copy the run id" });
  await button.focus();
  await other.keyboard.press("Enter");
  await other.getByText("Copied", { exact: true }).waitFor();
  assert.ok(await button.evaluate((el) => el === document.activeElement), "the focus stays");
  await page.bringToFront();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), String(ids.failed));
  none(page);
});

test("what was asked for while the server was away comes when it is back", async () => {
  const page = await w.page("/no/such/page");
  const asked = ["**/api/v1/metrics?*", "**/usage?*"];
  for (const path of asked) await page.route(path, (route) => route.abort());
  for (const [path, text] of [
    ["/flows/BranchesFlow/metrics", "The only numbers here are parameters"],
    [`/runs/${ids.whole}/tasks/1?tab=usage`, "CPU time"],
  ]) {
    await page.goto(path);
    await page.getByRole("alert").getByText("The server does not answer.").waitFor();
    await page.unroute(asked.shift());
    await page.getByText(text).waitFor();
    assert.equal(await page.getByRole("alert").count(), 0);
  }
});

// The last one: the server goes away.
test("code that was asked for while the server was away is there when it is back", async () => {
  const page = await w.page(`/runs/${ids.broken}`);
  await page.getByRole("button", { name: "start done" }).waitFor();
  const port = Number(new URL(w.url).port);
  await w.stopServer();
  await page.getByRole("tab", { name: "Code" }).click();
  await page.getByRole("alert").getByText("The server does not answer.").waitFor();
  await w.serve(port);
  await page.locator(".source").getByText("class BrokenFlow").waitFor();
});

test("the clock of the browser may be off", async () => {
  for (const hours of [3, -3]) {
    const page = await w.page("/no/such/page");
    await page.clock.install({ time: Date.now() + hours * 3_600_000 });
    await page.goto("/?since=1h");
    const line = page.locator(`.run-line[data-run='${ids.whole}']`);
    await line.waitFor();
    await become(() => line.locator(".c-started").innerText().then((t) => /^(just now|\d+ (s|min) ago)$/.test(t)), true, `when a run began, ${hours} h off`);
    await page.goto(`/runs/${ids.whole}`);
    await page.getByText(/^started (just now|\d+ (s|min) ago) by ann$/).waitFor();
    none(page);
    await page.close();
  }
});

test("a server that comes back with another store: nothing of the one before is left", async () => {
  const [list, same, gone] = [await w.page("/"), await w.page(`/runs/${ids.whole}`), await w.page(`/runs/${ids.failed}`)];
  await list.locator(`.run-line[data-run='${ids.failed}']`).waitFor();
  await same.getByRole("heading", { name: `BranchesFlow / ${ids.whole}` }).waitFor();
  await gone.getByRole("heading", { name: `BranchesFlow / ${ids.failed}` }).waitFor();
  const [home, other] = [w.env.LEVADA_HOME, join(w.dir, "other")];
  const port = Number(new URL(w.url).port);
  await w.stopServer();
  w.env.LEVADA_HOME = other;
  try {
    assert.equal(w.run("broken.py"), ids.whole, "its first run has the id of the other's");
    await w.serve(port);
    await list.getByText("1 run", { exact: true }).waitFor();
    for (const page of [list, same, gone]) await page.locator(".store", { hasText: other }).waitFor();
    await same.getByRole("heading", { name: `BrokenFlow / ${ids.whole}` }).waitFor();
    const { tasks } = await (await fetch(`${w.url}/api/v1/runs/${ids.whole}`)).json();
    await same.getByText(`${tasks.succeeded + tasks.failed + tasks.killed} tasks`, { exact: true }).waitFor();
    await gone.getByRole("alert").getByText(`there is no run ${ids.failed}`, { exact: false }).waitFor();
  } finally {
    await w.stopServer();
    w.env.LEVADA_HOME = home;
    await w.serve(port);
  }
});
