// The page of a task: its log, previews, cards and usage; and the streams of events that all pages share.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { become, results, until, violations, World } from "./world.mjs";

let w;
let shapes;

before(async () => {
  w = new World();
  shapes = w.run("shapes.py");
  await w.serve();
  await w.browse();
});

afterEach(() => w?.closePages());
after(() => w?.end());

const none = (page) => assert.deepEqual(page.complaints, []);
const log = () => `/runs/${shapes}/tasks/2`;

test("a page that was never in sight has no stream, and begins one when it is", async () => {
  const page = await w.page("/no/such/page");
  await page.addInitScript(() => {
    globalThis.unseen = true;
    Object.defineProperty(document, "hidden", { get: () => globalThis.unseen });
  });
  const streams = [];
  page.on("request", (r) => r.url().includes("/events") && streams.push(r.url()));
  await page.goto(log());
  await page.getByRole("heading", { name: "end/2" }).waitFor();
  await page.getByText("succeeded").waitFor();
  assert.deepEqual(streams, []);
  await page.evaluate(() => {
    globalThis.unseen = false;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.getByText("6,002 lines").waitFor();
  none(page);
});

test("more windows than a browser has connections take turns", async () => {
  const first = await w.page("/no/such/page");
  await first.context().clock.install();
  await first.goto(log());
  const pages = [first];
  const turn = () => first.context().clock.fastForward(5000); // for which each has its place
  for (let i = 0; i < 7; i++) {
    const page = await first.context().newPage();
    await page.goto(i % 2 ? "/" : log());
    pages.push(page);
  }
  for (const page of pages) {
    const whole = page.locator(new URL(page.url()).pathname === "/" ? ".run-line" : "text=6,002 lines").first();
    await until(async () => (await whole.isVisible()) || turn(), "all of it is there");
  }
  // The last window's list is told of news, though all others are in sight too.
  const flow = await w.start("growing.py", "--until", join(w.dir, "shapes-stop"));
  writeFileSync(join(w.dir, "shapes-stop"), "");
  await pages.at(-1).goto("/");
  const succeeded = pages.at(-1).locator(".run-line", { hasText: `GrowingFlow / ${flow.run}` }).getByText("succeeded", { exact: true });
  await until(async () => (await succeeded.isVisible()) || turn(), "the news have come");
  await flow.ended;
  await first.context().close();
});

test("a line keeps its number, and the address what is shown of the log", async () => {
  const page = await w.page(log());
  await page.getByText("6,002 lines").waitFor();
  await page.getByLabel("Stream").selectOption("stderr");
  await page.getByText("1 line of 6,002").waitFor();
  const link = page.locator(".log .line", { hasText: "a warning" }).getByRole("link");
  const number = await link.innerText();
  assert.ok(Number(number) > 1, `the only line of stderr is line ${number} of the log`);
  await link.click();
  await page.waitForURL(new RegExp(`stream=stderr#L${number}$`));
  await page.reload();
  await page.locator(".log .line.at", { hasText: "a warning" }).waitFor();
  await page.getByLabel("Stream").selectOption("");
  await page.reload();
  await page.locator(".log .line.at", { hasText: "a warning" }).waitFor();

  await page.goto(log());
  await page.getByLabel("Search the log").fill("line 4321 ");
  await page.getByText("1 of 1").waitFor();
  await page.reload();
  await page.locator(".log .line.at", { hasText: "line 4321 " }).waitFor();
  await become(() => page.getByLabel("Search the log").inputValue(), "line 4321 ", "what is looked for");
  none(page);
});

test("a long log is wrapped, also on a phone, and one still comes to any of its lines", async () => {
  const page = await w.page(log(), { width: 390, height: 800 });
  await page.getByText("6,002 lines").waitFor();
  await page.getByRole("button", { name: "Wrap" }).click();
  await page.locator(".log.wrap").waitFor();
  const box = page.locator(".log");
  await until(() => box.evaluate((el) => el.scrollWidth <= el.clientWidth && el.scrollTop + el.clientHeight >= el.scrollHeight - 1), "the end is in sight, and nothing is wider");
  await page.locator(".line", { hasText: "the last line" }).waitFor();
  await until(() => box.evaluate((el) => Math.abs(el.getBoundingClientRect().bottom - el.querySelector(".drawn").getBoundingClientRect().bottom) <= 1), "what is reckoned is what is drawn");
  assert.ok((await page.locator(".log .line").count()) < 200, "only what is in sight is drawn");
  await page.screenshot({ path: join(results, "log-wrapped-390.png") });
  await page.evaluate(() => (location.hash = "#L3500"));
  const at = page.locator(".log .line.at", { hasText: "3500" });
  await until(async () => (await at.count()) === 1 && (await at.evaluate(inLog)), "the line is in sight");
  await page.getByRole("button", { name: "Wrap" }).click();
  await page.locator(".log:not(.wrap)").waitFor();
  await until(() => at.evaluate((el) => el.getBoundingClientRect().top < document.querySelector(".log").getBoundingClientRect().bottom), "the place stays");
  none(page);
});

test("the log of a task that has ended does not go on", async () => {
  const page = await w.page("/no/such/page");
  await page.route("**/log/events?*", (route) =>
    route.fulfill({ contentType: "text/event-stream", body: `retry: 60000\n\nid: 1\nevent: lines\ndata: ${JSON.stringify({ lines: [{ time: 1e15, text: "one", newline: true }] })}\n\n` }),
  );
  await page.goto(log());
  await page.getByText(/lines?.*(; the rest is not loaded|, loading more)$/).waitFor();
  assert.equal(await page.getByText("more to come").count(), 0);
  assert.equal(await page.getByRole("button", { name: "Follow" }).count(), 0);
});

test("a log whose run was removed says so", async () => {
  const page = await w.page("/no/such/page");
  let there = true;
  await page.route("**/log/events?*", (route) =>
    there
      ? route.fulfill({ contentType: "text/event-stream", body: `retry: 10\n\nid: 1\nevent: lines\ndata: ${JSON.stringify({ lines: [{ time: 1e15, text: "one", newline: true }] })}\n\n` })
      : route.fulfill({ status: 404, json: { detail: "there is no run" } }),
  );
  await page.goto(`/runs/${shapes}/tasks/1`);
  await page.getByRole("log").getByText("one").first().waitFor();
  there = false;
  await page.getByText(/lines?; the rest was removed with its run$/).waitFor();
  await page.reload();
  await page.getByRole("log").getByText("The run was removed, and its log with it.").waitFor();
});

test("of a long log the end comes first, and stays in sight when the rest has come", async () => {
  const page = await w.page("/no/such/page");
  let go;
  const held = new Promise((resolve) => (go = resolve));
  await page.route("**/log/events?*", async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(log());
  await page.getByText("the last 1,000 lines of 6,002, loading more").waitFor();
  await page.getByRole("log").getByText("the last line").waitFor();
  await page.getByRole("log").hover();
  await page.mouse.wheel(0, -5000);
  const top = () => page.getByRole("log").evaluate((el) => [...el.querySelectorAll(".line")].find((l) => l.getBoundingClientRect().bottom > el.getBoundingClientRect().top + 1).innerText.split("\n")[0]);
  await until(async () => Number(await top()) < 5900, "it is scrolled");
  const before = await top();
  go();
  await page.getByText("6,002 lines", { exact: true }).waitFor();
  await until(async () => (await top()) === before, "what was in sight stays");
  none(page);

  const search = await w.page("/no/such/page");
  let goOn;
  const heldBack = new Promise((resolve) => (goOn = resolve));
  await search.route("**/log/events?*", async (route) => {
    await heldBack;
    await route.continue();
  });
  await search.goto(log());
  await search.getByText("the last 1,000 lines of 6,002").waitFor();
  await search.getByLabel("Search the log").fill("line 55");
  await search.getByText("1 of 100", { exact: true }).waitFor();
  const hit = search.locator(".log .line.at", { hasText: "line 5500 " });
  await hit.waitFor();
  goOn();
  await search.getByText("6,002 lines", { exact: true }).waitFor();
  await search.getByText("12 of 111", { exact: true }).waitFor();
  await until(async () => (await hit.count()) === 1 && (await hit.evaluate(inLog)), "so does what was found");
});

const inLog = (el) => {
  const [line, box] = [el.getBoundingClientRect(), document.querySelector(".log").getBoundingClientRect()];
  return line.top >= box.top && line.bottom <= box.bottom;
};

test("the end of a long log does not come between when the address names a line, or what to find", async () => {
  const page = await w.page("/no/such/page");
  const tails = [];
  page.on("request", (r) => /\/log\?/.test(r.url()) && tails.push(r.url()));
  for (const [end, text] of [
    ["#L10", "line 9 "],
    ["#L5990", "line 5988 "],
    ["?find=line+55", "line 55 "],
  ]) {
    await page.goto("/no/such/page");
    await page.goto(log() + end);
    await page.getByText("6,002 lines", { exact: true }).waitFor();
    const at = page.locator(".log .line.at", { hasText: text });
    await until(async () => (await at.count()) === 1 && (await at.evaluate(inLog)), `${end} is in sight`);
  }
  assert.deepEqual(tails, []);
  await page.getByLabel("Search the log").fill("");
  await page.goto(`${log()}#L5990`);
  await page.locator(".log .line.at", { hasText: "line 5988 " }).waitFor();
  // A line that is not in the end of the log is not looked for there.
  const tail = await w.page("/no/such/page");
  let go;
  const held = new Promise((resolve) => (go = resolve));
  await tail.route("**/log/events?*", async (route) => {
    await held;
    await route.continue();
  });
  await tail.goto(log());
  await tail.getByText("the last 1,000 lines of 6,002").waitFor();
  await tail.evaluate(() => (location.hash = "#L10"));
  await tail.getByText("0 lines, loading more").waitFor();
  go();
  const tenth = tail.locator(".log .line.at", { hasText: "line 9 " });
  await until(async () => (await tenth.count()) === 1 && (await tenth.evaluate(inLog)), "it is in sight when it has come");
});

test("of a long log a part is printed, in light colours; the box of a short one fits", async () => {
  const page = await w.page(log(), { theme: "dark" });
  await page.getByText("6,002 lines", { exact: true }).waitFor();
  await page.locator(".log .line", { hasText: "the last line" }).waitFor();
  await page.emulateMedia({ media: "print" });
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  await page.getByText("Lines 5,003 to 6,002 of 6,002 lines; the download has all").waitFor();
  assert.equal(await page.locator(".log .line").count(), 1000);
  const [last, box] = [await page.locator(".log .line").last().boundingBox(), await page.locator(".log").boundingBox()];
  assert.ok(Math.abs(last.y + last.height - box.y - box.height) < 10, "the box ends with the last line");
  assert.equal(await page.locator(".log .line .text").first().evaluate((el) => getComputedStyle(el).color), "rgb(22, 32, 42)");
  assert.ok(!(await page.getByLabel("Search the log").isVisible()));
  await page.emulateMedia({ media: null });
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  await until(async () => (await page.locator(".log .line").count()) < 200, "what is in sight is drawn again");

  await page.goto(`/runs/${shapes}/tasks/1`);
  await page.getByText("The task printed nothing.").waitFor();
  await until(async () => (await page.locator(".log").boundingBox()).height < 60, "a short log is short");
  none(page);
});

test("a task that there is not has a heading and a title of its own, and a tab that there is not is the first one", async () => {
  const page = await w.page(log());
  await page.getByText("6,002 lines").waitFor();
  await page.evaluate((to) => {
    history.pushState(null, "", to);
    dispatchEvent(new Event("popstate"));
  }, `/runs/${shapes}/tasks/999`);
  await page.getByRole("heading", { level: 1, name: "Task 999" }).waitFor();
  await until(async () => (await page.title()) === `No task 999 of run ${shapes} – Levada`, "the title");

  await page.goto(`${log()}?tab=bogus`);
  await page.getByRole("tab", { name: "Log", selected: true }).waitFor();
  await page.getByText("6,002 lines").waitFor();
  await page.locator("body").press("Tab");
  const skip = page.getByRole("link", { name: "Skip to the content" });
  await until(async () => (await skip.boundingBox()).width > 60, "it is seen while it has the focus");
  await skip.press("Enter");
  await until(() => page.evaluate(() => document.activeElement.id === "main"), "it leads there");
  await until(async () => (await skip.boundingBox()).width < 2, "and not without");

  const phone = await w.page(`/runs/${shapes}?tab=cards`, { width: 390, height: 800 });
  const chosen = phone.getByRole("tab", { name: "Cards", selected: true });
  await chosen.waitFor();
  await until(async () => (await chosen.boundingBox()).x + (await chosen.boundingBox()).width <= 390, "the chosen tab is in sight");
});

test("values are shown as what they are", async () => {
  const page = await w.page(`/runs/${shapes}/tasks/1?tab=artifacts`);
  const row = (name) => page.locator(".artifacts > tbody > tr", { has: page.getByRole("button", { name, exact: true }) });
  const said = {
    records: "table of 5 × 120",
    gaps: "[1, nan, 3.0, inf]".replace("3.0", "3"),
    figure: "1,234,567.891",
    huge: "1,606,938,044,258,990,275,541,962,092,341,162,602,522,202,993,782,792,835,301,376",
    chosen: "{1,3}",
    pair: '(1,"a")',
    single: "(1,)",
    nothing: "set()",
    blank: '""',
    raw: "bytes, 25 KiB",
  };
  for (const [name, text] of Object.entries(said)) await row(name).getByText(text, { exact: true }).waitFor();

  const open = (name) => page.getByRole("button", { name, exact: true }).click();
  await open("records");
  await page.getByText("120 columns in all").waitFor();
  await page.waitForURL(/&artifact=records$/);
  const rows = page.getByRole("region", { name: "Rows of records" });
  await page.getByRole("button", { name: "More columns" }).click();
  await until(() => rows.evaluate((el) => el.scrollLeft > 0), "one sees that a table goes on to the right, and gets there");
  assert.ok(await page.locator(".artifacts").evaluate((el) => el.parentElement.scrollWidth <= el.parentElement.clientWidth), "a wide table does not widen the list");
  await page.reload();
  await page.getByText("120 columns in all").waitFor();
  await open("many");
  await page.locator(".tree > details > summary", { hasText: "{10,000}" }).waitFor();
  await page.getByText("… 9,500 more").waitFor();
  await open("chosen");
  await page.locator(".tree > details > summary", { hasText: "set {2}" }).waitFor();
  await open("gaps");
  await page.getByText("2 of 4 values are not finite").waitFor();
  const curve = page.getByRole("img", { name: "gaps, 4 values" });
  await curve.waitFor();
  await become(async () => [await curve.locator("circle").count(), await curve.locator("polyline").count()], [2, 0], "two values with none beside them are two points");
  assert.deepEqual(await violations(page), []);
  none(page);
});

test("an array of two dimensions is a table, and rows have their labels", async () => {
  const page = await w.page("/no/such/page");
  const previews = {
    figure: { kind: "array", shape: [2, 2], dtype: "float64", values: [1, 2, 3, 4], rows: [["1.0", "2.0"], ["3.0", "4.0"]], total_rows: 2, text: "<array shape=(2, 2) dtype=float64>" },
    pair: { kind: "table", shape: [2, 1], columns: ["price"], index: ["mon", "tue"], rows: [["1.5"], ["NaN"]], total_rows: 2, text: "" },
    blank: { kind: "table", shape: [0, 0], text: "" },
    single: { kind: "table", shape: [2, 2], columns: ["day", "price"], types: ["date32[day]", "double"], rows: [["2024-01-02", "1.5"], ["null", "null"]], total_rows: 2, text: "" },
    chosen: { kind: "object", type: "__main__.Config", rows: [["rate", "0.1"], ["name", "'baseline'"]], length: 2, text: "<__main__.Config rate=0.1 name='baseline'>" },
  };
  await page.route("**/artifacts/*/preview*", async (route) => {
    const name = /artifacts\/(\w+)\/preview/.exec(route.request().url())[1];
    await route.fulfill({ json: { name, codec: "pickle", type: "t", hash: "", size: 9, truncated: false, ...(previews[name] ?? { kind: "none", text: "None" }) } });
  });
  await page.goto(`/runs/${shapes}/tasks/1?tab=artifacts`);
  await page.getByText("table of 0 × 0").waitFor();
  await page.getByRole("button", { name: "figure", exact: true }).click();
  await page.getByRole("cell", { name: "4.0" }).waitFor();
  assert.equal(await page.locator(".preview svg.chart").count(), 0, "no curve");
  await page.getByRole("button", { name: "pair", exact: true }).click();
  await page.getByRole("rowheader", { name: "tue" }).waitFor();
  await page.getByRole("cell", { name: "NaN" }).waitFor();
  await page.getByRole("button", { name: "blank", exact: true }).click();
  await page.getByText("A table of 0 × 0, without rows.").waitFor();
  await page.getByRole("button", { name: "single", exact: true }).click();
  await page.getByRole("columnheader", { name: "day date32[day]" }).waitFor();
  const sides = () => page.locator(".preview td, .preview thead th").evaluateAll((all) => all.map((el) => getComputedStyle(el).textAlign));
  assert.deepEqual(await sides(), ["left", "right", "start", "right", "start", "right"], "what is missing stands where the rest of its column does");
  await page.getByRole("button", { name: "chosen", exact: true }).click();
  await page.getByRole("rowheader", { name: "rate" }).waitFor();
  assert.deepEqual(await sides(), ["start", "start"], "attributes are no column of numbers");
  none(page);
});

test("the page of a task fits a phone, whatever its artifacts are called", async () => {
  const page = await w.page(`/runs/${shapes}/tasks/1?tab=artifacts`, { width: 390, height: 800 });
  const row = page.locator(".artifacts > tbody > tr", { has: page.getByRole("button", { name: /^a_name_that/ }) });
  const value = row.getByText("5", { exact: true });
  await value.waitFor();
  const inside = (el) => el.getBoundingClientRect().right <= innerWidth && document.documentElement.scrollWidth <= innerWidth;
  assert.ok(await value.evaluate(inside));
  await page.getByRole("button", { name: "records", exact: true }).click();
  await page.getByText("120 columns in all").waitFor();
  assert.ok(await value.evaluate(inside), "a wide table scrolls by itself");
  const cells = await page.locator(".preview tbody tr").first().locator("td").evaluateAll((all) => all.slice(0, 4).map((el) => [el.getBoundingClientRect().left, el.getBoundingClientRect().right, el.getBoundingClientRect().top]));
  cells.slice(1).forEach((c, i) => assert.ok(c[0] >= cells[i][1] - 1 && c[2] === cells[i][2], `its cells are beside each other: ${cells}`));
  await page.screenshot({ path: join(results, "artifacts-390.png") });
  assert.deepEqual(await violations(page), []);
  none(page);
});

test("a running task: what is not known yet is not said to be nothing", async () => {
  const stop = join(w.dir, "task-stop");
  const flow = await w.start("slow.py", "--until", stop);
  const page = await w.page("/no/such/page", { width: 390, height: 800 });
  await page.clock.install();
  await page.goto(`/runs/${flow.run}/tasks/2?tab=usage`);
  await page.getByText("not known yet").first().waitFor();
  await become(() => page.getByText("not known yet").count(), 2, "neither is known");
  const printed = async () => (await (await fetch(`${w.url}/api/v1/runs/${flow.run}/tasks/2/log`)).json()).lines.length;
  await until(async () => (await printed()) > 25, "it takes long enough to be measured");
  writeFileSync(stop, "");
  await flow.ended;
  await page.getByRole("img", { name: /^Memory used/ }).waitFor();
  await become(() => page.getByText("not known yet").count(), 0, "both are known");
  await until(() => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the screen");
  await page.screenshot({ path: join(results, "usage-390.png") });
  await page.clock.fastForward(45 * 60 * 1000);
  await page.getByText(/started 4\d min ago/).waitFor(); // the time goes on, also of what has ended
  none(page);
});

test("a task that has not started says so in every tab, and then what was not measured is not said to be nothing", async () => {
  await w.guest("", {});
  const { run_number: run } = await w.guest("/run", { user_name: "ann" });
  await w.guest(`/runs/${run}/steps/end/step`, {});
  const { task_id: task } = await w.guest(`/runs/${run}/steps/end/task`, {});
  const page = await w.page(`/runs/${run}/tasks/${task}`);
  for (const tab of ["Usage", "Cards", "Artifacts", "Log"]) {
    await page.getByRole("tab", { name: tab }).click();
    await page.getByRole("tab", { name: tab, selected: true }).waitFor();
    await become(() => page.getByRole("tabpanel").innerText(), "The task has not started yet.", tab);
  }
  await page.getByRole("tab", { name: "Metadata" }).click();
  await page.getByText("Nothing is recorded about this task yet.").waitFor();

  const said = (field_name, value) => w.guest(`/runs/${run}/steps/end/tasks/${task}/metadata`, [{ field_name, value, tags: ["attempt_id:0"] }]);
  await page.getByRole("tab", { name: "Usage" }).click();
  await said("attempt", "0");
  await page.getByText("Samples appear when the task has ended.").waitFor(); // without a reload
  await page.route(`**/api/v1/runs/${run}/tasks/${task}`, async (route) => {
    const is = await (await route.fetch()).json();
    is.attempts[0].gpus = ["0", "GPU-7f"];
    is.attempts[0].started -= 5e6; // it took longer than what is too short for samples
    await route.fulfill({ json: is });
  });
  await said("attempt_ok", "True");
  await page.getByText("No samples were recorded.").waitFor();
  await become(() => page.getByText("not measured").count(), 2, "neither CPU time nor memory");
  await page.getByRole("definition").getByText("0, GPU-7f").waitFor();
  none(page);
});

test("a list begins at the left whatever its first word is, and facts on two lines have no dot at an end", async () => {
  const page = await w.page("/no/such/page");
  const preview = (name, more) => page.route(`**/artifacts/${name}/preview*`, async (route) => route.fulfill({ json: { ...(await (await route.fetch()).json()), ...more } }));
  await preview("records", { kind: "json", text: '["שלום", "b"]', rows: undefined });
  await preview("blank", { kind: "text", text: "שלום" });
  await page.goto(`/runs/${shapes}/tasks/1?tab=artifacts`);
  const direction = (text) => page.getByText(text, { exact: true }).evaluate((el) => getComputedStyle(el).direction);
  await page.getByText("שלום", { exact: true }).waitFor();
  await become(() => direction('["שלום", "b"]'), "ltr", "of a list");
  await become(() => direction("שלום"), "rtl", "of a text");

  // What begins a line has its dot left of the line, where nothing is drawn.
  const dots = () =>
    page.locator(".apart").evaluate((row) => {
      const box = row.getBoundingClientRect();
      return [...row.children].map((fact, i) => {
        const dot = getComputedStyle(fact, "::before");
        const drawn = dot.content !== "none" && (getComputedStyle(row).overflowX === "visible" || fact.getBoundingClientRect().left + parseFloat(dot.left) >= box.left);
        return [getComputedStyle(fact, "::after").content === "none" && drawn, i > 0 && fact.offsetTop === row.children[i - 1].offsetTop];
      });
    });
  for (const width of [1280, 240]) {
    await page.setViewportSize({ width, height: 800 });
    const found = await dots();
    assert.ok(found.every(([dot, follows]) => dot === follows), `a dot between two on a line at ${width}: ${JSON.stringify(found)}`);
  }
  assert.ok((await dots()).slice(1).some(([dot]) => !dot), "there are two lines");
  none(page);
});

test("how the peak of memory was measured is said in words, and exactly where one points", async () => {
  const page = await w.page("/no/such/page");
  const said = { cgroup: "of all its processes", pss: "of all its processes, looked at once a second", rss: "of all its processes, looked at once a second", maxrss: "of its largest process, rather too much" };
  for (const [memory_source, words] of Object.entries(said)) {
    await page.route(`**/api/v1/runs/${shapes}/tasks/2/usage?*`, async (route) => route.fulfill({ json: { ...(await (await route.fetch()).json()), memory_source, peak_memory: 97 << 20 } }));
    await page.goto(`${log()}?tab=usage`);
    const peak = page.locator("dd", { hasText: "97 MiB" });
    await become(() => peak.innerText(), `97 MiB ${words}`, memory_source);
    assert.match(await peak.locator("[title]").getAttribute("title"), new RegExp(`\\(${memory_source}\\)`));
    await page.unrouteAll();
  }
  none(page);
});

test("a card that tells its height has a frame as high, and a word of somebody else's changes nothing", async () => {
  const page = await w.page("/no/such/page");
  const task = `/api/v1/runs/${shapes}/tasks/1`;
  await page.route(`**${task}/cards`, (route) => route.fulfill({ json: { cards: [{ run: shapes, step: "start", task: 1, attempt: 0, position: 0, type: "html", uuid: "u", size: 9, hash: "h", live: false, changed: 1 }] } }));
  await page.route(`**${task}/cards/u`, (route) =>
    route.fulfill({ contentType: "text/html", headers: { ETag: '"one"' }, body: "<body style='margin:0'><p style='height:1300px;margin:0'>high</p><script>parent.postMessage({ cardHeight: document.body.offsetHeight }, '*')</script>" }),
  );
  await page.goto(`/runs/${shapes}/tasks/1?tab=cards`);
  const frame = page.locator("iframe.card:not(.coming)");
  await until(async () => (await frame.count()) === 1 && (await frame.boundingBox()).height === 1302, "it is as high as its content");
  await page.evaluate(() => postMessage({ cardHeight: 5 }, "*"));
  await page.evaluate(() => new Promise((done) => setTimeout(done, 0)));
  assert.equal((await frame.boundingBox()).height, 1302);
  none(page);
});

test("where there are no cards it is said how there would be", async () => {
  const page = await w.page(`/runs/${shapes}/tasks/2?tab=cards`);
  await page.getByText("levada run FILE --with card").waitFor();
  none(page);
  await page.route(`**/runs/${shapes}/tasks/2`, async (route) => {
    const answer = await route.fetch();
    const task = await answer.json();
    task.attempts.at(-1).status = "failed";
    await route.fulfill({ json: task });
  });
  await page.reload();
  await page.getByText("This step had shown nothing").waitFor();
  none(page);
  await page.goto("/runs/999999");
  await page.getByText("there is no run 999999").waitFor();
  assert.equal(await page.getByRole("button", { name: "Try again" }).count(), 0, "it will not be there then either");
});

test("a card of a step that failed says so", async () => {
  const page = await w.page("/");
  const card = { run: shapes, step: "start", task: 1, attempt: 0, position: 0, type: "html", uuid: "u", size: 9, hash: "h", live: false, changed: 1 };
  let failed = true;
  await page.route(new RegExp(`/runs/${shapes}/(tasks/1/)?cards$`), (route) => route.fulfill({ json: { cards: [{ ...card, failed }] } }));
  await page.route(`**/cards/u`, (route) => route.fulfill({ contentType: "text/html", headers: { ETag: '"one"' }, body: "half" }));
  for (const path of [`/runs/${shapes}/tasks/1?tab=cards`, `/runs/${shapes}?tab=cards`]) {
    await page.goto(path);
    await page.getByText("This is what the card showed when the step failed.").waitFor();
  }
  assert.match(await page.getByLabel("Card").locator("option").innerText(), /, failed$/);
  failed = false;
  await page.reload();
  await page.locator("iframe.card").waitFor();
  assert.equal(await page.getByText("when it failed").count(), 0);
});

test("a live card is drawn again when it has changed and nobody reads it, and then it is not live any more", async () => {
  const says = join(w.dir, "says");
  const flow = await w.start("live.py", "--says", says);
  const page = await w.page("/no/such/page");
  const drawn = [];
  let looks = 0;
  page.on("request", (r) => r.isNavigationRequest() && r.url().includes("/cards/") && drawn.push(r.url()));
  page.on("response", (r) => r.request().method() === "HEAD" && looks++);
  await page.clock.install();
  await page.goto(`/runs/${flow.run}/tasks/1?tab=cards`);
  const frame = page.frameLocator("iframe.card:not(.coming)");
  const heading = (name) => frame.getByRole("heading", { name });
  const look = async () => {
    await page.clock.fastForward(5000); // after which it looks again
    await page.evaluate(() => fetch("/api/v1/info")); // behind what it asks then
  };
  const comes = (what) => until(async () => (await what.isVisible()) || look(), "it comes");
  await comes(heading("waiting"));
  await page.getByText("updated while the task runs").waitFor();
  const before = drawn.length;
  for (const seen of [looks, looks + 1]) await until(async () => looks > seen || look(), "it looks again");
  assert.equal(drawn.length, before, "what is the same is not drawn again");
  writeFileSync(says, "first");
  await comes(heading("first"));
  await page.locator("iframe.card").focus();
  writeFileSync(says, "second");
  await comes(page.getByText("it has been updated"));
  assert.ok(await heading("first").isVisible(), "it stays while it has the focus");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await heading("second").waitFor();
  writeFileSync(says, "end");
  await flow.ended;
  await comes(heading("end"));
  await page.getByText("updated while the task runs").waitFor({ state: "detached" });
  none(page);
});
