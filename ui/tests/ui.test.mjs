// The list of runs, runs as they go on, and what one can do with them.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { become, manyKinds, pretend, results, until, violations } from "./world.mjs";

let w;
let ids;

before(async () => {
  ({ w, ids } = await manyKinds());
});

afterEach(() => w?.closePages());
after(() => w?.end());

const none = (page) => assert.deepEqual(page.complaints, []);

test("the list finds, filters, groups and remembers it in the address", async () => {
  const page = await w.page("/");
  await page.getByRole("link", { name: `WideFlow / ${ids.wide}` }).waitFor();
  const rows = page.locator(".run-line");
  await become(() => rows.count(), 4, "all are there");
  assert.equal(await rows.first().locator(".status").innerText(), "succeeded");

  await page.keyboard.press("/");
  await page.keyboard.type("KINDS");
  await until(async () => (await rows.count()) === 2 && page.url().includes("q=KINDS"), "the search finds two, and is in the address");
  await page.getByLabel("Search runs").fill("0.9"); // a parameter's value
  await until(async () => (await rows.count()) === 1, "the search finds a parameter");
  await page.getByLabel("Search runs").fill("");
  await until(async () => (await rows.count()) === 4, "all again");
  await page.getByLabel("Status").selectOption("failed");
  await until(async () => (await rows.count()) === 1, "one failed");
  await page.goBack();
  await until(async () => (await rows.count()) === 4, "the way back shows all");

  await page.getByRole("button", { name: "exp:one" }).click();
  await until(async () => (await rows.count()) === 1, "a tag is a filter");
  await page.getByRole("button", { name: "Remove the filter exp:one" }).click();
  await page.getByLabel("Group").selectOption("flow");
  await page.locator(".run-group").first().waitFor();
  await become(() => page.locator(".run-group").count(), 3, "a group for each flow");
  await page.reload();
  await page.locator(".run-group").first().waitFor();
  await become(() => page.getByLabel("Group").inputValue(), "flow", "grouped as before");

  await page.locator(".run-group", { hasText: "KindsFlow" }).getByRole("button").click();
  await until(async () => (await rows.count()) === 2, "a closed group shows its name alone");
  await page.getByLabel("Group").selectOption("");

  await page.getByRole("button", { name: "Parameters" }).click();
  await page.getByRole("checkbox", { name: "alpha=0.9" }).click();
  await until(async () => (await rows.count()) === 1, "a parameter is a filter");
  await page.waitForURL(/parameter=alpha%3D0\.9/);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Remove the filter alpha = 0.9" }).click();
  await page.getByRole("button", { name: "Tags" }).click();
  await page.getByLabel("Find, or type a tag and press Enter").fill("exp:none");
  await page.keyboard.press("Enter");
  await page.getByText("No run matches these filters").waitFor();
  await page.getByRole("button", { name: "Remove the filter exp:none" }).click();
  await page.getByRole("button", { name: "Time" }).click();
  await page.getByRole("radio", { name: "last hour" }).click();
  await until(async () => (await rows.count()) === 4, "all are of the last hour");
  await page.getByRole("button", { name: "Time" }).click();
  await page.getByLabel("to", { exact: true }).fill("2001-01-01");
  await page.getByText("No run matches these filters").waitFor();
  await page.waitForURL(/to=2001-01-01/);
  assert.doesNotMatch(page.url(), /since/);

  await page.goto("/?q=nothing-is-like-this");
  await page.getByText("No run matches these filters").waitFor();
  none(page);
});

test("a long list draws what is in sight, and loads the rest on the way", async () => {
  const one = await (await fetch(`${w.url}/api/v1/runs/${ids.kinds}`)).json();
  const page = await w.page("/?q=nothing-is-like-this");
  // More runs than a test can make: the server's answers with other ids.
  await page.route("**/api/v1/runs?*", async (route) => {
    const q = new URL(route.request().url()).searchParams;
    const from = Number(q.get("cursor") ?? 1000);
    const n = Number(q.get("limit"));
    const runs = Array.from({ length: Math.min(n, from) }, (_, i) => ({ ...one, id: from - i }));
    await route.fulfill({ json: { runs, next: from > n ? String(from - n) : "" } });
  });
  await page.goto("/?status=succeeded");
  const rows = page.locator(".run-line");
  await page.getByRole("link", { name: "KindsFlow / 1000" }).waitFor();
  for (let i = 0; i < 120; i++) await page.keyboard.press("j");
  await until(async () => (await page.locator(".run-line.current").getAttribute("data-run")) === "880", "the keys go beyond the first page");
  await until(async () => page.locator(".run-line.current").evaluate((el) => el.getBoundingClientRect().bottom <= innerHeight + 1), "the current run is in sight");
  await until(async () => {
    await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
    return (await page.locator(".run-line[data-run='1']").count()) === 1;
  }, "all pages are loaded");
  assert.ok((await rows.count()) < 80, "only what is in sight is drawn");
  await page.getByText("1,000 runs").waitFor();
  none(page);
});

test("keys move, open and compare", async () => {
  const page = await w.page("/?flow=KindsFlow");
  await page.locator(".run-line[data-row='1']").waitFor();
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.getByText("2 runs selected").waitFor();
  await page.keyboard.press("c");
  await page.getByRole("heading", { name: "2 runs compared" }).waitFor();
  const table = page.getByRole("region", { name: "Runs side by side" });
  await table.getByRole("rowheader", { name: "accuracy" }).waitFor();
  await table.getByRole("rowheader", { name: "epochs" }).waitFor();
  assert.equal(await table.getByRole("rowheader", { name: "learning_rate" }).count(), 0, "it is among the parameters, as learning-rate");
  await page.getByRole("button", { name: "Only differences" }).click();
  await until(async () => (await table.getByRole("rowheader", { name: "epochs" }).count()) === 0, "what is the same goes");
  await table.getByRole("rowheader", { name: "alpha" }).first().waitFor();
  await page.getByRole("heading", { name: "curve" }).waitFor();
  const code = page.getByRole("region", { name: `kinds.py in run ${ids.kinds} and run ${ids.kinds2}` });
  await code.locator("td.added", { hasText: "# tuned" }).waitFor();
  assert.equal(await code.locator("td.removed").count(), 0);
  for (const id of [ids.kinds, ids.kinds2]) await code.getByRole("columnheader", { name: `run ${id}`, exact: true }).waitFor();
  assert.ok((await code.locator("td.no").first().boundingBox()).width < 80, "numbers of lines leave the room to the lines, also below a gap");

  await page.keyboard.press("g");
  await page.keyboard.press("h");
  await page.locator(".run-line[data-row='3']").waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor({ state: "detached" });
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: `WideFlow / ${ids.wide}` }).waitFor();
  none(page);
});

test("a failure comes first, with its traceback", async () => {
  const page = await w.page(`/runs/${ids.broken}`);
  const why = page.getByRole("region", { name: "Why it failed" });
  await why.getByText("in loss_of").waitFor();
  assert.match(await why.innerText(), /failed 2 times[^]*learning rate 0\.4 is too large[^]*in loss_of/);
  await why.getByRole("button", { name: "As Python prints it" }).click();
  await why.getByText("Traceback (most recent call last)").waitFor();
  await why.getByRole("link", { name: "Open the log" }).click();
  await page.getByRole("heading", { name: /^train\// }).waitFor();
  await page.getByRole("button", { name: "attempt 1: failed" }).click();
  await page.getByRole("log").getByText("training").waitFor();
  const blue = await page.getByRole("log").getByText("training").getAttribute("style");
  assert.match(blue, /color/);
  await page.waitForURL(/attempt=0/);
  none(page);
});

test("a long message is said once, and leaves what is below it in sight", async () => {
  const run = await (await fetch(`${w.url}/api/v1/runs/${ids.broken}`)).json();
  const page = await w.page("/no/such/page", { width: 390, height: 800 });
  let message = "";
  await page.route(`**/tasks/${run.failed_task}`, async (route) => {
    if (route.request().resourceType() === "document") return route.fallback();
    const task = await (await route.fetch()).json();
    for (const { exception: e } of task.attempts) [e.traceback, e.message] = [e.traceback.replace(e.message, message), message];
    await route.fulfill({ json: task });
  });
  for (message of ["many words ".repeat(230).trim(), "x".repeat(2500), "a line\n".repeat(300).trim()]) {
    for (const [path, name, tab] of [
      [`/runs/${ids.broken}`, "Why it failed", "Overview"],
      [`/runs/${ids.broken}/tasks/${run.failed_task}`, "What went wrong", "Log"],
    ]) {
      await page.goto(path);
      const why = page.getByRole("region", { name, exact: true });
      await why.getByText("in loss_of").waitFor();
      assert.equal((await why.innerText()).split(message.slice(0, 40)).length - 1, message.split(message.slice(0, 40)).length - 1, "once");
      assert.ok((await page.getByRole("tab", { name: tab }).boundingBox()).y < 800, `${path}: the tabs are in sight`);
      assert.deepEqual(await violations(page), []);
    }
  }
  none(page);
});

test("the graph and the timeline of a wide run", async () => {
  const page = await w.page(`/runs/${ids.wide}`);
  const work = page.getByRole("button", { name: "work 200 done" });
  await work.click();
  await page.waitForURL(/step=work/);
  await until(() => page.evaluate(() => performance.getEntriesByName("timeline").length > 0), "the timeline is drawn");
  const canvas = page.locator("canvas");
  // The bars are green. Where they are, and which step has most of them, depends on how long the tasks took.
  const bars = (part = 0.5) =>
    canvas.evaluate((c, part) => {
      const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
      const at = [];
      for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 0 && d[i + 1] > d[i] + 40) at.push(i / 4);
      const one = at[Math.floor(at.length * part)] ?? 0;
      const scale = c.clientWidth / c.width;
      return { ink: at.length, x: ((one % c.width) + 0.5) * scale, y: (Math.floor(one / c.width) + 0.5) * scale };
    }, part);
  await until(async () => (await bars()).ink > 200, "there are green bars");
  let tries = 0;
  await until(async () => {
    const [box, bar] = [await canvas.boundingBox(), await bars((tries++ * 0.618) % 1)];
    await page.mouse.move(box.x + bar.x, box.y + bar.y);
    return page.locator(".tip").getByText("work/").isVisible();
  }, "the bar under the pointer says what it is");
  await page.getByRole("button", { name: "Zoom in" }).click();
  await until(() => page.getByRole("button", { name: "All", exact: true }).isEnabled(), "a part is shown");
  await page.getByRole("tab", { name: "Tasks" }).click();
  await page.getByText("200 of 203 tasks").waitFor();
  await page.getByLabel("Task or foreach value").fill("item-117");
  await page.getByText("1 of 203 tasks").waitFor();
  await page.getByRole("link", { name: /^work\// }).click();
  await page.getByText("items[117] of 200").waitFor();
  await page.getByRole("navigation", { name: "Tasks of work" }).getByText("118 of 200").waitFor();
  await page.keyboard.press("]");
  await page.getByText("items[118] of 200").waitFor();
  await page.getByRole("button", { name: "Previous task of the step" }).click();
  await page.getByText("items[117] of 200").waitFor();
  none(page);
});

test("a task finds its place in its step without reading the others", async () => {
  const page = await w.page("/no/such/page");
  const asked = [];
  page.on("request", (r) => asked.push(new URL(r.url()).pathname));
  await page.goto(`/runs/${ids.wide}/tasks/5`);
  await page.getByRole("navigation", { name: "Tasks of work" }).getByText("task 4 of 200").waitFor();
  assert.deepEqual(asked.filter((path) => path.endsWith("/timeline") || path.endsWith("/steps")), []);
  none(page);
});

test("the timeline is printed in light colours", async () => {
  const page = await w.page(`/runs/${ids.wide}`, { theme: "dark" });
  const canvas = page.locator("canvas");
  const has = (colour) =>
    canvas.evaluate((c, [r, g, b]) => {
      const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
      for (let i = 0; i < d.length; i += 4) if (d[i] === r && d[i + 1] === g && d[i + 2] === b) return true;
      return false;
    }, colour);
  const [dark, light] = [[34, 44, 55], [238, 241, 244]]; // of the ground
  await until(() => has(dark), "it is dark");
  await page.emulateMedia({ media: "print" });
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  assert.deepEqual([await has(light), await has(dark)], [true, false]);
  const [wide, high] = await canvas.evaluate((c) => [c.width / c.clientWidth, c.height / c.clientHeight]);
  assert.ok(Math.abs(wide - high) < 0.05, `it keeps its shape: ${wide}, ${high}`);
  await page.screenshot({ path: join(results, "timeline-print.png") });
  await page.emulateMedia({ media: null });
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  await until(() => has(dark), "it is dark again");
  none(page);
});

test("a long log scrolls, is searched and has links to its lines", async () => {
  const tasks = await (await fetch(`${w.url}/api/v1/runs/${ids.wide}/tasks?step=join`)).json();
  const path = `/runs/${ids.wide}/tasks/${tasks.tasks[0].id}`;
  const page = await w.page(path);
  await page.getByText("50,001 lines").waitFor();
  assert.ok((await page.locator(".log .line").count()) < 200, "only what is in sight is drawn");
  await page.getByLabel("Search the log").fill("needle");
  await page.getByText("1 of 1").waitFor();
  await page.getByText("the needle is here").waitFor();
  await page.getByLabel("Search the log").fill("");
  await page.goto(path + "#L25000");
  await page.reload();
  await page.locator(".log .line.at", { hasText: "line 24999" }).waitFor();
  await page.goto(path + "#L40000"); // the page stays, only the place on it is another
  await page.locator(".log .line.at", { hasText: "line 39999" }).waitFor();
  await page.getByRole("link", { name: "Line 39995", exact: true }).click();
  await page.locator(".log .line.at", { hasText: "line 39994" }).waitFor();
  await page.goBack();
  await page.locator(".log .line.at", { hasText: "line 39999" }).waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download", exact: true }).click();
  assert.match((await download).suggestedFilename(), /\.log$/);
  none(page);
});

test("the way back from a task finds the table as it was, under its head", async () => {
  const page = await w.page(`/runs/${ids.wide}?tab=tasks`);
  await page.getByRole("button", { name: "Show more" }).click();
  const last = page.locator("[data-task-row='202'] a");
  await last.scrollIntoViewIfNeeded();
  const head = await page.getByRole("columnheader", { name: "Task" }).boundingBox();
  assert.ok(head.y >= 0 && head.y < 100, "the head stays in sight");
  const name = await last.innerText();
  await last.click();
  await page.waitForURL(/tasks\/\d+$/);
  await page.goBack();
  const again = page.getByRole("link", { name, exact: true });
  await until(async () => (await again.count()) === 1 && again.evaluate((el) => el.getBoundingClientRect().top > 0 && el.getBoundingClientRect().bottom <= innerHeight), "the task is in sight again");
  await page.locator("tr.current a", { hasText: name }).waitFor();
  none(page);
});

test("tags are changed on the page", async () => {
  const page = await w.page(`/runs/${ids.kinds}`);
  await page.getByRole("button", { name: "+ tag" }).click();
  await page.getByLabel("New tag").fill("gold");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "gold" }).waitFor();
  const run = async () => (await (await fetch(`${w.url}/api/v1/runs/${ids.kinds}`)).json()).tags;
  await become(run, ["exp:one", "gold"], "the tag is kept");
  await page.getByRole("button", { name: "Remove the tag gold" }).click();
  await page.getByRole("link", { name: "gold" }).waitFor({ state: "detached" });
  await become(run, ["exp:one"], "it is removed");
  none(page);
});

test("a notice holds what it says, also one long word", async () => {
  const page = await w.page(`/runs/${ids.kinds}`, { width: 390 });
  await page.route("**/tags", (route) => route.fulfill({ status: 400, json: { detail: "x".repeat(300) } }));
  await page.getByRole("button", { name: "Remove the tag exp:one" }).click();
  const fits = (el) => el.scrollWidth <= el.clientWidth && el.getBoundingClientRect().right <= innerWidth;
  assert.ok(await page.locator(".toast.fail").evaluate(fits));
});

test("what turns the order of text is seen, and turns nothing", async () => {
  const tag = "report\u202egpj.exe";
  const change = (body) => fetch(`${w.url}/api/v1/runs/${ids.kinds}/tags`, { method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  await change({ add: [tag] });
  const page = await w.page(`/runs/${ids.kinds}`);
  await page.getByRole("link", { name: "reportU+202Egpj.exe" }).waitFor();
  await page.getByRole("button", { name: "Remove the tag report[U+202E]gpj.exe" }).waitFor();
  assert.equal(await page.locator(".tag bdi", { hasText: "gpj" }).evaluate((el) => getComputedStyle(el).unicodeBidi), "isolate");
  for (const path of ["/", "/?group=tag", `/?tag=${encodeURIComponent(tag)}`, `/compare?run=${ids.kinds}&run=${ids.kinds2}`]) {
    await page.goto(path);
    await page.locator("main .turn").first().waitFor();
    const left = await page.locator("main").evaluate((el) => /\p{Bidi_Control}/u.test(el.innerText + [...el.querySelectorAll("[title], [aria-label]")].map((e) => e.title + e.ariaLabel).join()));
    assert.ok(!left, `${path}: none is left as it is`);
  }
  await page.screenshot({ path: join(results, "turns.png") });
  assert.deepEqual(await violations(page), []);
  await change({ remove: [tag] });
  none(page);
});

test("tags that are long, or many, end with an ellipsis, and can be removed", async () => {
  const long = "a-tag-with-more-characters-than-a-chip-has-room-for-even-in-wide-windows";
  const tags = ["a", "b:2", long, ...Array.from({ length: 12 }, (_, i) => `more:${i}`)];
  const change = (run, body) => fetch(`${w.url}/api/v1/runs/${run}/tags`, { method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  await change(ids.kinds, { add: tags });
  await change(ids.kinds2, { add: [long], remove: ["exp:two"] });
  const isCut = (el) => el.scrollWidth > el.clientWidth && getComputedStyle(el).textOverflow === "ellipsis";
  for (const width of [1280, 390]) {
    const page = await w.page(`/runs/${ids.kinds}`, { width });
    const chip = page.locator(".tag", { hasText: long });
    const link = chip.getByRole("link");
    assert.ok(await link.evaluate(isCut), "the text is cut");
    assert.equal(await link.getAttribute("title"), long);
    const [outer, button] = [await chip.boundingBox(), await chip.getByRole("button").boundingBox()];
    assert.ok(button.x + button.width <= outer.x + outer.width, "the button is inside");

    await page.goto("/?flow=KindsFlow");
    await page.locator(".run-line").nth(1).waitFor();
    for (const cell of await page.locator(".c-tags").all()) {
      const [first, room] = [await cell.locator(".tag").first().boundingBox(), await cell.boundingBox()];
      assert.ok(first.x + first.width <= room.x + room.width, "the first tag is whole, or cut inside");
    }
    const many = page.locator(`[data-run='${ids.kinds}'] .c-tags`);
    assert.ok(await many.evaluate(isCut));
    assert.deepEqual((await many.getAttribute("title")).split("\n").sort(), [...tags, "exp:one"].sort());
    await page.screenshot({ path: join(results, `tags-${width}.png`) });
    none(page);
    await page.context().close();
  }
  await change(ids.kinds, { remove: tags });
  await change(ids.kinds2, { add: ["exp:two"], remove: [long] });
});

test("a run of Metaflow: nothing is offered that only Metaflow can do, and no graph while there is none", async () => {
  await w.guest("", {});
  const { run_number: run } = await w.guest("/run", { user_name: "ann" });
  const page = await w.page(`/runs/${run}`);
  await page.getByText("No task has started yet.").waitFor();
  await page.getByRole("heading", { name: "Graph" }).waitFor({ state: "detached" });
  await page.getByRole("tab", { name: "Tasks" }).click();
  await page.getByText("No task has started yet.").waitFor(); // there is no filter that none of them matches
  await page.getByRole("tab", { name: "Overview" }).click();
  assert.equal(await page.getByRole("button", { name: "Cancel" }).count(), 0);
  await w.guest(`/runs/${run}/steps/end/step`, {});
  const { task_id: task } = await w.guest(`/runs/${run}/steps/end/task`, {});
  const said = (field_name, value) => w.guest(`/runs/${run}/steps/end/tasks/${task}/metadata`, [{ field_name, value, tags: ["attempt_id:0"] }]);
  await said("attempt", "0");
  await page.getByRole("button", { name: "end 0/1 done, 1 running" }).waitFor(); // the graph, of the steps that are known
  await said("attempt_ok", "True");
  await page.locator(".named + .status", { hasText: "succeeded" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Resume" }).count(), 0);
  none(page);

  const one = { ...(await (await fetch(`${w.url}/api/v1/runs/${run}`)).json()), status: "died" };
  await pretend(page, one);
  await page.reload();
  await page.getByText(`resume --origin-run-id ${run}`).waitFor();
  assert.equal(await page.getByText("Resume the run to continue").count(), 0);
});

test("a run that is not there: a way back to the list", async () => {
  const page = await w.page("/runs/99999");
  await page.getByText("there is no run 99999").waitFor();
  await page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name: "Runs" }).click();
  await page.getByRole("heading", { name: "Runs" }).waitFor();
});

test("a run is seen as it goes on, over a restart of the server, and is cancelled and resumed", async () => {
  const list = await w.page("/");
  await list.locator(".run-line[data-row='0']").waitFor();
  const stop = join(w.dir, "stop-1");
  const flow = await w.start("slow.py", "--until", stop);
  const link = list.getByRole("link", { name: `SlowFlow / ${flow.run}` });
  await link.waitFor(); // without a reload
  await list.locator(".run-line", { has: link }).getByText("running", { exact: true }).waitFor();
  const run = await w.page(`/runs/${flow.run}`);
  await run.getByRole("button", { name: "work 0/1 done, 1 running" }).waitFor();
  const task = await w.page(`/runs/${flow.run}/tasks/2`);
  await task.getByRole("log").getByText(/^tick \d\d+$/).first().waitFor(); // of a page that took its time: it follows the end

  const port = Number(new URL(w.url).port);
  assert.equal(await w.stopServer(), 0);
  await run.getByText("The server does not answer.", { exact: false }).waitFor();
  await task.getByText("The server does not answer.", { exact: false }).waitFor();
  await task.getByText(/^\d+ lines?; whether more will come is not known$/).waitFor();
  await w.serve(port);
  const lines = async () => Number.parseInt(await task.getByText(/^\d+ lines?, and more to come$/).innerText(), 10);
  const before = await lines();
  await until(async () => (await lines()) > before + 10, "the log goes on");
  const text = await task.getByRole("log").innerText();
  assert.equal(new Set(text.match(/tick \d+/g)).size, text.match(/tick \d+/g).length, "no line comes twice");
  for (const page of [run, task]) await page.getByText("The server does not answer.", { exact: false }).waitFor({ state: "detached" });

  await run.getByRole("button", { name: "Cancel", exact: true }).click();
  await run.getByRole("button", { name: "Cancel the run" }).click();
  await run.getByText("interrupted", { exact: true }).first().waitFor();
  await run.getByText("The run was cancelled on a web page or by").waitFor();
  await run.getByRole("status").getByText(`Run ${flow.run}: interrupted`).waitFor(); // said to those who do not see it
  await until(() => run.evaluate(() => document.activeElement.tagName === "H1"), "the focus is on the heading: the button is gone");
  await flow.ended;
  await list.locator(".run-line", { has: link }).getByText("interrupted", { exact: true }).waitFor();
  await task.getByText("It was ended with its run, which was cancelled or interrupted.").waitFor();
  await task.screenshot({ path: join(results, "killed-task.png") });

  writeFileSync(stop, "");
  await run.getByRole("button", { name: "Resume" }).click();
  await run.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
  await run.waitForURL((u) => u.pathname !== `/runs/${flow.run}`);
  await run.getByRole("link", { name: `run ${flow.run}`, exact: true }).waitFor(); // resumes it
  await run.locator(".named + .status", { hasText: "succeeded" }).waitFor();
  list.complaints = list.complaints.filter((text) => !text.includes("ERR_CONNECTION_REFUSED")); // asked while the server was away
  none(list);
});

test("a foreach that goes on says how many tasks it will have", async () => {
  const stop = join(w.dir, "stop-2");
  const flow = await w.start("growing.py", "--until", stop, "--max-workers", "2");
  const page = await w.page(`/runs/${flow.run}`);
  await page.getByRole("button", { name: "work 0/6 done, 2 running" }).waitFor();
  const said = "1/7 tasks: 1 succeeded, 2 running, 4 waiting"; // start, and six of which four are not launched
  await page.getByText(said).first().waitFor();
  await page.screenshot({ path: join(results, "growing-run.png") });
  const list = await w.page("/");
  const line = list.locator(".run-line", { hasText: `GrowingFlow / ${flow.run}` });
  await line.getByText(said).waitFor();
  await list.screenshot({ path: join(results, "growing-runs.png") });
  const task = await w.page(`/runs/${flow.run}/tasks/2`);
  await task.getByRole("navigation", { name: "Tasks of work" }).getByText("1 of 6").waitFor();
  writeFileSync(stop, "");
  await line.getByText("9 tasks: 9 succeeded").waitFor();
  await page.getByText("9 tasks: 9 succeeded").first().waitFor();
  none(list);
  none(task);
  await page.getByRole("button", { name: "work 6 done" }).waitFor();
  await flow.ended;
  none(page);
});

test("what cannot be resumed says why", async () => {
  const page = await w.page(`/runs/${ids.broken}`);
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByLabel("What to run").selectOption("start");
  // The step is there, the file is not any more.
  const { renameSync } = await import("node:fs");
  renameSync(join(w.flows, "broken.py"), join(w.flows, "moved.py"));
  await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
  await page.getByText("is not on this machine", { exact: false }).waitFor();
  renameSync(join(w.flows, "moved.py"), join(w.flows, "broken.py"));
});
