// The page of a task: its log, previews, cards and usage; and the streams of events that all pages share.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { results, until, violations, World } from "./world.mjs";

let w;
let shapes;

before(async () => {
  w = new World();
  shapes = w.run("shapes.py");
  await w.serve();
  await w.browse();
});

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
  const first = await w.page(log());
  const pages = [first];
  for (let i = 0; i < 7; i++) {
    const page = await first.context().newPage();
    page.setDefaultTimeout(40_000);
    await page.goto(i % 2 ? "/" : log());
    pages.push(page);
  }
  for (const page of pages) {
    if (new URL(page.url()).pathname === "/") await page.locator(".run-line").first().waitFor();
    else await page.getByText("6,002 lines").waitFor({ timeout: 60_000 });
  }
  // The last window's list is told of news, though all others are in sight too.
  const flow = await w.start("growing.py", "--until", join(w.dir, "shapes-stop"));
  writeFileSync(join(w.dir, "shapes-stop"), "");
  await pages.at(-1).goto("/");
  await pages.at(-1).locator(".run-line", { hasText: `GrowingFlow / ${flow.run}` }).getByText("succeeded", { exact: true }).waitFor({ timeout: 60_000 });
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
  assert.match(page.url(), new RegExp(`stream=stderr#L${number}$`));
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
  assert.equal(await page.getByLabel("Search the log").inputValue(), "line 4321 ");
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
  const bottoms = await box.evaluate((el) => [el.getBoundingClientRect().bottom, el.querySelector(".drawn").getBoundingClientRect().bottom]);
  assert.ok(Math.abs(bottoms[0] - bottoms[1]) <= 1, `what is reckoned is what is drawn: ${bottoms}`);
  assert.ok((await page.locator(".log .line").count()) < 200, "only what is in sight is drawn");
  await page.screenshot({ path: join(results, "log-wrapped-390.png") });
  await page.evaluate(() => (location.hash = "#L3500"));
  const at = page.locator(".log .line.at", { hasText: "3500" });
  await at.waitFor();
  const [line, room] = [await at.boundingBox(), await box.boundingBox()];
  assert.ok(line.y >= room.y && line.y < room.y + room.height, "the line is in sight");
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
  await page.getByText(/lines?.*(; the rest is not loaded|, and more is being loaded)$/).waitFor();
  assert.equal(await page.getByText("it goes on").count(), 0);
  assert.equal(await page.getByRole("button", { name: "Follow" }).count(), 0);
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
  await page.getByText("the last 1,000 lines of 6,002, and more is being loaded").waitFor();
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
  await search.goto(log() + "?find=line+5500+");
  const hit = search.locator(".log .line.at", { hasText: "line 5500 " });
  const inSight = () => hit.evaluate((el) => el.getBoundingClientRect().bottom <= document.querySelector(".log").getBoundingClientRect().bottom);
  await hit.waitFor();
  goOn();
  await search.getByText("6,002 lines", { exact: true }).waitFor();
  await until(async () => (await hit.count()) === 1 && (await inSight()), "so does what was found");
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
  await open("many");
  await page.locator(".tree > details > summary", { hasText: "{10,000}" }).waitFor();
  await page.getByText("… 9,500 more").waitFor();
  await open("chosen");
  await page.locator(".tree > details > summary", { hasText: "set {2}" }).waitFor();
  await open("gaps");
  await page.getByText("2 of 4 values are not finite").waitFor();
  const curve = page.getByRole("img", { name: "gaps, 4 values" });
  await curve.waitFor();
  assert.deepEqual([await curve.locator("circle").count(), await curve.locator("polyline").count()], [2, 0], "two values with none beside them are two points");
  assert.deepEqual(await violations(page), []);
  none(page);
});

test("an array of two dimensions is a table, and rows have their labels", async () => {
  const page = await w.page("/no/such/page");
  const previews = {
    figure: { kind: "array", shape: [2, 2], dtype: "float64", values: [1, 2, 3, 4], rows: [["1.0", "2.0"], ["3.0", "4.0"]], total_rows: 2, text: "<array shape=(2, 2) dtype=float64>" },
    pair: { kind: "table", shape: [2, 1], columns: ["price"], index: ["mon", "tue"], rows: [["1.5"], ["NaN"]], total_rows: 2, text: "" },
    blank: { kind: "table", shape: [0, 0], text: "" },
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
  assert.equal(await page.getByText("not known yet").count(), 2);
  const printed = async () => (await (await fetch(`${w.url}/api/v1/runs/${flow.run}/tasks/2/log`)).json()).lines.length;
  await until(async () => (await printed()) > 25, "it takes long enough to be measured");
  writeFileSync(stop, "");
  await flow.ended;
  await page.getByRole("img", { name: /^Memory used/ }).waitFor();
  assert.equal(await page.getByText("not known yet").count(), 0);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the screen");
  await page.screenshot({ path: join(results, "usage-390.png") });
  await page.clock.fastForward(45 * 60 * 1000);
  await page.getByText(/started 4\d min ago/).waitFor(); // the time goes on, also of what has ended
  none(page);
});

test("a live card is drawn again when it has changed and nobody reads it, and then it is not live any more", async () => {
  const says = join(w.dir, "says");
  const flow = await w.start("live.py", "--says", says);
  const page = await w.page("/no/such/page");
  const drawn = [];
  page.on("request", (r) => r.isNavigationRequest() && r.url().includes("/cards/") && drawn.push(r.url()));
  await page.goto(`/runs/${flow.run}/tasks/1?tab=cards`);
  const frame = page.frameLocator("iframe.card:not(.coming)");
  const heading = (name) => frame.getByRole("heading", { name });
  const looked = () => page.waitForResponse((r) => r.request().method() === "HEAD" && r.url().includes("/cards/"));
  await until(async () => {
    if (!(await page.locator("iframe.card").count())) await page.reload();
    return heading("waiting").isVisible();
  }, "there is a card", 40);
  await page.getByText("as it is while the task runs").waitFor();
  const before = drawn.length;
  await looked();
  await looked();
  assert.equal(drawn.length, before, "what is the same is not drawn again");
  writeFileSync(says, "first");
  await heading("first").waitFor();
  await page.locator("iframe.card").focus();
  writeFileSync(says, "second");
  await page.getByText("it has changed").waitFor();
  assert.ok(await heading("first").isVisible(), "it stays while it has the focus");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await heading("second").waitFor();
  writeFileSync(says, "end");
  await flow.ended;
  await heading("end").waitFor();
  await page.getByText("as it is while the task runs").waitFor({ state: "detached" });
  none(page);
});
