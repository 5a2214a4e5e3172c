// Measures the page of a run: node measure.mjs URL TIMES. It prints JSON: ms until the timeline and the graph are drawn, for each time the
// page is opened in a new context, and ms of each frame while the timeline is zoomed in and out.

import { chromium } from "playwright-core";
import { findBrowser } from "./world.mjs";

const [url, times] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: findBrowser(),
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const usable = [];
let frames = [];
for (let i = 0; i < Number(times); i++) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction(() => performance.getEntriesByName("timeline").length > 0 && document.querySelector(".dag g.succeeded"));
  usable.push(await page.evaluate(() => performance.getEntriesByName("timeline")[0].startTime));
  if (i === Number(times) - 1) {
    frames = await page.evaluate(async () => {
      const el = document.querySelector(".timeline");
      const out = [];
      let last = performance.now();
      for (let k = 0; k < 60; k++) {
        el.dispatchEvent(new KeyboardEvent("keydown", { key: k % 12 < 6 ? "+" : "-", bubbles: true }));
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        const now = performance.now();
        out.push((now - last) / 2);
        last = now;
      }
      return out;
    });
  }
  await context.close();
}
await browser.close();
console.log(JSON.stringify({ usable, frames }));
