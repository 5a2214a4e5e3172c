// What pages show of values, cards and metrics; and each page in both themes and widths.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { become, manyKinds, results, until, violations } from "./world.mjs";

let w;
let ids;

before(async () => {
  ({ w, ids } = await manyKinds());
});

afterEach(() => w?.closePages());
after(() => w?.end());

const none = (page) => assert.deepEqual(page.complaints, []);

test("artifacts are shown by what they are", async () => {
  const page = await w.page(`/runs/${ids.kinds}/tasks/2?tab=artifacts`);
  const open = (name) => page.getByRole("button", { name, exact: true }).click();
  await open("table");
  await page.getByRole("columnheader", { name: "score" }).waitFor();
  await page.getByText("250 rows in all").waitFor();
  await open("curve");
  await page.getByRole("img", { name: "curve, 100 values" }).waitFor();
  await open("picture");
  const img = page.getByRole("img", { name: "Image picture" });
  await until(() => img.evaluate((i) => i.naturalWidth === 160), "the picture is there");
  await open("config");
  await page.locator(".tree").getByText("adam").waitFor();
  await open("model");
  await page.locator("table.artifacts").getByText("<__main__.Model weights=[1.0, 2.0]>").waitFor();
  await page.locator(".preview").getByRole("row", { name: "weights [1.0, 2.0]" }).waitFor();
  await open("name");
  await page.locator(".preview").getByText("résumé of\nseveral lines").waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download raw" }).click();
  assert.equal((await download).suggestedFilename(), "raw");
  none(page);
});

test("cards are framed with an origin of their own", async () => {
  const page = await w.page(`/runs/${ids.kinds}?tab=cards`);
  const frame = page.frameLocator("iframe.card");
  await frame.locator("body").getByText("start").first().waitFor();
  assert.ok(!(await page.locator("iframe.card").getAttribute("sandbox")).includes("allow-same-origin"));
  none(page);
});

test("metrics against time and parameters", async () => {
  const page = await w.page("/flows/KindsFlow/metrics");
  await page.getByRole("group", { name: "accuracy of 2 runs of KindsFlow" }).waitFor();
  assert.equal(await page.getByRole("group", { name: "learning_rate of" }).count(), 0, "a parameter says nothing about how a run went, whatever its variable is called");
  await page.getByLabel("Against").selectOption("alpha");
  await page.getByRole("link", { name: `run ${ids.kinds2}: accuracy`, exact: false }).first().waitFor();
  const point = page.getByRole("group", { name: "accuracy of 2 runs of KindsFlow" }).getByRole("link", { name: `run ${ids.kinds}:` });
  await point.focus();
  await page.keyboard.press("ArrowRight");
  await page.locator(".tip").getByText("alpha=0.9").waitFor();
  await page.getByRole("button", { name: "log x" }).click();
  await page.waitForURL(/logx=1/);
  await page.getByLabel("Step").selectOption("start");
  await page.waitForURL(/step=start/);
  await page.getByRole("group", { name: "accuracy of 2 runs of KindsFlow" }).waitFor();
  await page.getByRole("button", { name: "epochs" }).click();
  await page.getByRole("group", { name: "epochs of 2 runs of KindsFlow" }).waitFor();
  await page.waitForURL(/name=epochs/);

  const table = page.getByRole("region", { name: "The numbers, run by run" });
  const alpha = table.getByRole("columnheader", { name: "alpha" });
  const first = async () => Number(await table.locator("tbody tr").first().getByRole("link").innerText());
  const order = (head) => head.getAttribute("aria-sort");
  await become(() => order(table.getByRole("columnheader", { name: "Run" })), "descending", "the newest come first");
  await become(first, ids.kinds2, "the newest comes first");
  await alpha.getByRole("button").click();
  await become(first, ids.kinds, "the smallest comes first");
  await become(() => order(alpha), "ascending", "the head says so");
  await page.reload();
  await alpha.waitFor();
  await become(first, ids.kinds, "it is so after a reload");
  none(page);
});

test("metrics: a logarithm is offered for numbers alone, and one run stands at its time", async () => {
  const page = await w.page("/no/such/page");
  let change = (points) => points.map((p, i) => ({ ...p, parameters: { ...p.parameters, optimizer: ["sgd", "adam"][i] } }));
  await page.route("**/api/v1/metrics?*", async (route) => {
    const metrics = await (await route.fetch()).json();
    await route.fulfill({ json: { ...metrics, points: change(metrics.points) } });
  });
  await page.goto("/flows/KindsFlow/metrics?x=optimizer");
  const names = page.getByRole("group", { name: "accuracy of 2 runs of KindsFlow" });
  await names.getByText("adam").waitFor();
  await page.getByRole("button", { name: "log x" }).waitFor({ state: "detached" });
  await page.getByLabel("Against").selectOption("alpha");
  await page.getByRole("button", { name: "log x" }).waitFor();

  change = (points) => points.slice(0, 1);
  await page.setViewportSize({ width: 390, height: 900 });
  await page.goto("/flows/KindsFlow/metrics");
  const one = page.getByRole("group", { name: "accuracy of 1 run of KindsFlow" });
  await one.waitFor();
  const across = await one.locator("text[text-anchor=middle]").evaluateAll((all) => all.map((el) => ({ text: el.textContent, ...el.getBoundingClientRect().toJSON() })));
  assert.ok(across.length >= 2 && across.every((t) => /^(\d\d:\d\d|[A-Z][a-z]+ \d+)$/.test(t.text)), JSON.stringify(across));
  for (let i = 1; i < across.length; i++) assert.ok(across[i].left > across[i - 1].right, "labels stand apart");
  await page.locator("main").screenshot({ path: join(results, "metrics-one-390.png") });
  none(page);
});

test("every page in both themes and widths: nothing for axe to find, nothing wider than the screen", async () => {
  const pages = {
    runs: "/",
    empty: "/?q=no-such-run",
    failed: `/runs/${ids.broken}`,
    wide: `/runs/${ids.wide}`,
    tasks: `/runs/${ids.wide}?tab=tasks`,
    details: `/runs/${ids.kinds}?tab=details`,
    code: `/runs/${ids.kinds}?tab=code`,
    cards: `/runs/${ids.kinds}?tab=cards`,
    task: `/runs/${ids.broken}/tasks/4`,
    artifacts: `/runs/${ids.kinds}/tasks/2?tab=artifacts`,
    usage: `/runs/${ids.kinds}/tasks/2?tab=usage`,
    metadata: `/runs/${ids.kinds}/tasks/2?tab=metadata`,
    metrics: "/flows/KindsFlow/metrics",
    compare: `/compare?run=${ids.kinds}&run=${ids.kinds2}`,
    missing: "/runs/99999",
    nowhere: "/no/such/page",
    halfLetter: "/runs/%E0%A4",
  };
  const problems = [];
  for (const width of [1280, 390]) {
    const page = await w.page("/", { width });
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(path);
      await until(() => page.evaluate(() => document.querySelector("main")?.textContent && !document.querySelector("[aria-label=Loading]")), `${name} is there`);
      if (name === "cards") await page.frameLocator("iframe.card").locator("body").getByText("start").first().waitFor();
      if (name === "compare") await page.locator("td.added").first().waitFor();
      if (name === "artifacts") await page.getByRole("button", { name: "table", exact: true }).click();
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) problems.push(`${name} at ${width}: ${wide} px too wide`);
      for (const theme of ["light", "dark"]) {
        await until(() => page.evaluate((theme) => document.documentElement.dataset.theme === theme, theme), `${name} is ${theme}`);
        await page.screenshot({ path: join(results, `${name}-${width}-${theme}.png`) });
        // The colours are what differs in the dark.
        if (width === 1280) for (const v of await violations(page, theme === "dark" ? ["color-contrast"] : undefined)) problems.push(`${name} ${theme}: ${v}`);
        await page.keyboard.press("t");
      }
    }
    await page.context().close();
  }
  assert.deepEqual(problems, []);
});
