// The parts of the pages that only compute.

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
let vite;
const load = (path) => vite.ssrLoadModule(`/src/${path}`);

before(async () => {
  vite = await createServer({ root, configFile: false, logLevel: "error", appType: "custom", server: { middlewareMode: true, hmr: false, ws: false, watch: null }, optimizeDeps: { noDiscovery: true } });
});

after(() => vite.close());

const run = (id, more = {}) => ({ id, flow: "F", user: "ann", status: "succeeded", created: id * 1e6, tags: [], system_tags: [], parameters: {}, ...more });

test("a run that comes by an event finds its place, changes it, or leaves the list", async () => {
  const { merge, append } = await load("pages/list.ts");
  const list = { runs: [run(9), run(7), run(5)], next: "more" };
  const ids = (l) => l.runs.map((r) => r.id);
  assert.deepEqual(ids(merge(list, run(10), true)), [10, 9, 7, 5]);
  assert.deepEqual(ids(merge(list, run(8), true)), [9, 8, 7, 5]);
  assert.deepEqual(ids(merge(list, run(3), true)), [9, 7, 5], "it comes with its page");
  assert.deepEqual(ids(merge({ ...list, next: "" }, run(3), true)), [9, 7, 5, 3]);
  assert.deepEqual(ids(merge(list, run(7), false)), [9, 5]);
  assert.equal(merge(list, run(8), false), list);
  const changed = merge({ runs: [run(7, { tasks: { running: 1 } })], next: "" }, run(7, { status: "failed" }), true);
  assert.deepEqual([changed.runs[0].status, changed.runs[0].tasks.running], ["failed", 1]);
  assert.deepEqual(ids(append(list, { runs: [run(5, { status: "failed" }), run(4)], next: "" })), [9, 7, 5, 4]);
});

test("runs that were removed leave the list, and those that nobody was asked about stay", async () => {
  const { without } = await load("pages/list.ts");
  const list = { runs: [run(10), run(9), run(7), run(5), run(3)], next: "more" };
  const ids = (had, page) => without(list, new Set(had), page).runs.map((r) => r.id);
  assert.deepEqual(ids([9, 7, 5, 3], { runs: [run(9), run(5)], next: "more" }), [10, 9, 5, 3], "10 came in between, 3 is behind the page");
  assert.deepEqual(ids([10, 9, 7, 5, 3], { runs: [run(7), run(5)], next: "" }), [7, 5]);
  assert.deepEqual(ids([10, 9], { runs: [], next: "" }), [7, 5, 3]);
  assert.equal(without(list, new Set([10, 9, 7, 5, 3]), list), list);
});

test("what a resumed run took over is in no lane, and not on the axis", async () => {
  const { extent, Rows, sections } = await load("run/rows.ts");
  const rows = new Rows();
  rows.add({ steps: ["start", "work"], statuses: ["succeeded"], rows: { task: [1, 2, 3, 4], step: [0, 1, 1, 1], attempt: [0, 0, 0, 0], status: [0, 0, 0, 0], started: [100, 200, 1010, 1020], ended: [150, 300, 1030, 1040], value: ["", "", "", ""] } });
  const all = { step: "", status: "", text: "" };
  const told = (since) => sections(rows, all, 2000, since).map((s) => [s.step, s.lanes.map((l) => l.map((r) => r.task)), s.taken.map((r) => r.task)]);
  assert.deepEqual(told(1000), [["start", [], [1]], ["work", [[3], [4]], [2]]]);
  assert.deepEqual(told(0), [["start", [[1]], []], ["work", [[2, 3], [4]], []]]);
  assert.deepEqual(extent(rows, 2000, 1000), [1000, 1040]);
  assert.deepEqual(extent(rows, 2000, 0), [100, 1040]);
});

test("tasks are sorted by keys that are computed once for each", async () => {
  const { sorted } = await load("run/rows.ts");
  let read = 0;
  const row = (task, status, started, ended, attempt = 0) => ({ task, status, started, attempt, get ended() { return read++, ended; } });
  const rows = [row(4, "succeeded", 10, 20), row(3, "running", 15, 0), row(2, "failed", 10, 12), row(1, "running", 0, 0, -1)];
  const told = (order) => sorted(rows, order, 100).map((r) => r.task);
  assert.deepEqual(told("task"), [1, 2, 3, 4]);
  assert.deepEqual(told("status"), [2, 3, 4, 1], "what has not started comes last");
  assert.deepEqual(told("started"), [2, 4, 3, 1]);
  assert.deepEqual(told("took"), [1, 2, 4, 3]);
  read = 0;
  sorted(Array.from({ length: 1000 }, (_, i) => row(i, "succeeded", 0, 1 + ((i * 7919) % 1000))), "took", 0);
  assert.equal(read, 1000);
});

test("groups are in the order of their newest runs, and a closed one is its name", async () => {
  const { rowsOf } = await load("pages/list.ts");
  const runs = [run(3, { flow: "B", tags: ["x", "y"] }), run(2, { flow: "A", status: "failed" }), run(1, { flow: "B" })];
  const names = (group, closed = []) => rowsOf(runs, group, new Set(closed)).map((r) => r.head?.name ?? r.run.id);
  assert.deepEqual(names(""), [3, 2, 1]);
  assert.deepEqual(names("flow"), ["B", 3, 1, "A", 2]);
  assert.deepEqual(names("flow", ["B"]), ["B", "A", 2]);
  assert.deepEqual(names("tag"), ["x", 3, "y", 3, "no tag", 2, 1]);
  assert.deepEqual(names("status"), ["failed", 2, "succeeded", 3, 1], "what failed comes first");
  assert.deepEqual(rowsOf(runs, "flow", new Set())[3].head, { name: "A", runs: 1, running: 0, failed: 1 });
});

test("the rows in sight", async () => {
  const { inSight } = await load("pages/list.ts");
  const starts = Array.from({ length: 1001 }, (_, i) => i * 10);
  assert.deepEqual(inSight(starts, -50, 25), [0, 3]);
  assert.deepEqual(inSight(starts, 100, 135), [10, 14]);
  assert.deepEqual(inSight(starts, 9990, 20000), [999, 1000]);
  assert.deepEqual(inSight([0], 0, 100), [0, 0]);
});

test("filters are read from an address, and select as the server does", async () => {
  const { filtersOf, isFiltered, matches, queryOf } = await load("pages/filters.ts");
  const read = (text) => filtersOf(new URLSearchParams(text));
  assert.ok(!isFiltered(read("group=flow")));
  const wrong = read("since=1y&from=yesterday&parameter=alpha&group=moon&tag=&tag=a&tag=a&status=odd");
  assert.deepEqual([wrong.since, wrong.from, wrong.parameters, wrong.group, wrong.tags, wrong.status], ["", "", [], "", ["a"], ""]);
  assert.deepEqual(read("parameter=a=1&parameter=b=1&parameter=a=2=3").parameters, ["a=2=3", "b=1"]);
  const now = 1_000_000 * 60e6;
  const r = run(42, { created: now - 30 * 60e6, tags: ["Exp:one"], system_tags: ["user:ann"], parameters: { alpha: "0.1=x" } });
  for (const [text, is] of [
    ["q=4", true],
    ["q=2", false],
    ["q=exp", true],
    ["q=0.1", true],
    ["q=ONE+ann+0.1", true],
    ["q=one+two", false],
    ["q=user:", false],
    ["parameter=alpha=0.1=x", true],
    ["parameter=alpha=0.1", false],
    ["tag=Exp:one", true],
    ["tag=exp:one", false],
    ["since=1h", true],
    ["status=failed", false],
    ["from=2999-01-01", false],
    ["to=1950-01-01", false],
  ])
    assert.equal(matches(read(text), r, now), is, text);
  assert.equal(queryOf(read("since=1h"), now, 100).after, now - 3600e6);
  const day = queryOf(read("from=2026-11-26&to=2026-11-26"), now, 100);
  assert.equal(day.before - day.after, 86400e6, "a day is whole");
});

test("differences give both texts back, and say only what differs", async () => {
  const { diff } = await load("pages/diff.ts");
  const same = Array.from({ length: 50 }, (_, i) => `line ${i}`);
  const kinds = (a, b) => diff(a.join("\n"), b.join("\n")).map((r) => r.kind);
  assert.deepEqual(kinds(same, same), ["gap"]);
  assert.deepEqual(kinds(same, same.with(25, "other")), ["gap", ...Array(3).fill("same"), "changed", ...Array(3).fill("same"), "gap"]);
  assert.deepEqual(kinds(["a", "b", "c"], ["a", "c"]), ["same", "left", "same"]);
  assert.deepEqual(kinds([], ["a"]), ["right"]);
  // Whatever the texts are: the left column is the left text, the right one the right, and lines side by side as the same are the same.
  let seed = 7;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  for (let i = 0; i < 300; i++) {
    const text = () => Array.from({ length: random(30) }, () => "abcde"[random(5)]);
    const [a, b] = [text(), text()];
    const rows = diff(a.join("\n"), b.join("\n")).filter((r) => r.kind !== "gap");
    for (const [side, want] of [
      ["left", a],
      ["right", b],
    ])
      for (const r of rows) if (r[side]) assert.equal(r[side].text, want[r[side].number - 1]);
    for (const r of rows) if (r.kind === "same") assert.equal(r.left.text, r.right.text);
    const changed = (side) => rows.filter((r) => r.kind !== "same" && r[side]).length;
    const shared = a.length - changed("left");
    assert.equal(b.length - changed("right"), shared);
    assert.equal(shared, longest(a, b), `${a} / ${b}`);
  }
});

// longest is the length of the longest common subsequence, by the book.
function longest(a, b) {
  const t = Array.from({ length: a.length + 1 }, () => Array(b.length + 1).fill(0));
  for (let i = 1; i <= a.length; i++) for (let j = 1; j <= b.length; j++) t[i][j] = a[i - 1] === b[j - 1] ? t[i - 1][j - 1] + 1 : Math.max(t[i - 1][j], t[i][j - 1]);
  return t[a.length][b.length];
}

test("values that differ look different, and where they do", async () => {
  const { parts, written } = await load("pages/unlike.ts");
  assert.deepEqual(written(["a", "b c"]), ["a", "b c"]);
  assert.deepEqual(written(["", " ", "x"]), ['""', '" "', '"x"']);
  assert.deepEqual(written(["line1\nline2", "line1 line2"]), ['"line1\\nline2"', '"line1 line2"']);
  assert.deepEqual(written(["a b", "a\u00a0b", "a\u200bb"]), ['"a b"', '"a\\u00a0b"', '"a\\u200bb"']);
  assert.deepEqual(written(["–", "x"]), ['"–"', '"x"'], "not as a value that is missing");
  const marked = (...values) => parts(values).map((list) => list.map((p) => (p.unlike ? `[${p.text}]` : p.text)).join(""));
  assert.deepEqual(marked("a", "b"), ["a", "b"], "one sees by oneself");
  assert.deepEqual(marked("s3://bucket/2026-11-23.parquet", "s3://bucket/2026-11-24.parquet"), ["s3://bucket/2026-11-2[3].parquet", "s3://bucket/2026-11-2[4].parquet"]);
  assert.deepEqual(marked("a sentence with an end", "a sentence with an end, and more"), ["a sentence with an end", "a sentence with an end[, and more]"]);
  assert.deepEqual(marked("aaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaa"), ["aaaaaaaaaaaaaaaaaaaaaaaa[a]", "aaaaaaaaaaaaaaaaaaaaaaaa"]);
  assert.deepEqual(marked("long ".repeat(99) + "x", "long ".repeat(99) + "y"), ["x", "y"].map((end) => `${"long ".repeat(8)} … ${"long ".repeat(8)}[${end}]`));
  assert.deepEqual(marked("a".repeat(30), "b".repeat(30)), ["a".repeat(30), "b".repeat(30)], "nothing is the same, so nothing is marked");
  assert.deepEqual(marked(`x${"ab".repeat(300)}`, `x${"cd".repeat(300)}`), ["ab", "cd"].map((two) => `x[${two.repeat(100)} … ${two.repeat(100)}]`), "what differs is not shown without end");
  assert.deepEqual(marked(`${"x".repeat(30)}😀`, `${"x".repeat(30)}😁`), [`${"x".repeat(30)}[😀]`, `${"x".repeat(30)}[😁]`], "characters are whole");
});

test("values that look the same and are not say where they differ, as far as that is known", async () => {
  const { apart, toSee } = await load("pages/apart.ts");
  const told = (...list) => apart([1, 2, 3], list).map((c) => [c.text, c.beside]);
  const p = (hash, more) => ({ name: "x", hash, size: 27020, codec: "pickle", type: "list", ...more });
  const numbers = (hash, at, to, n = 3000) => {
    const all = Array.from({ length: n }, (_, i) => (i >= at ? to : i));
    const sample = n > 1000 ? Array.from({ length: 1000 }, (_, i) => all[Math.floor((i * (n - 1)) / 999)]) : all;
    return p(hash, { kind: "array", text: `list of ${n} numbers`, shape: [n], rows: all.slice(0, 100).map((v) => [String(v)]), values: sample });
  };
  const list = "list of 3,000 numbers";
  assert.deepEqual(told(numbers("a", 12, 5), numbers("b", 12, 7), numbers("a", 12, 5)), [[list, undefined], [list, "differs from run 1 at [12]: 7, there 5"], [list, "the same as in run 1"]]);
  assert.deepEqual(told(numbers("a", 2000, 5), numbers("b", 2000, 5000))[1], [list, "differs from run 1 at [2002], or before: 5,000, there 5"]);
  assert.deepEqual(told(numbers("a", 2000, 5), numbers("b", 2000, 5))[1], [list, "differs from run 1, though it looks the same here"]);
  assert.deepEqual(told(numbers("a", 150, 5, 200), numbers("b", 150, 6, 200))[1][1], "differs from run 1 at [150]: 6, there 5");
  assert.deepEqual(told(numbers("a", 150, 5), numbers("b", 150, 5, 2999), numbers("c", 150, 5))[2][1], "differs from run 1, though it looks the same here", "of two of three runs");
  const table = (hash, score) => p(hash, { kind: "table", text: "", columns: ["name", "score"], rows: [["a", "1"], ["b", score]], shape: [3000, 2] });
  assert.deepEqual(told(table("a", "1.5"), table("b", "2.5"))[1], ["table of 3,000 × 2", "differs from run 1 in row 1, column score: 2.5, there 1.5"]);
  const matrix = (hash, v) => p(hash, { kind: "array", type: "ndarray", text: "float64 array of shape (2, 1500)", shape: [2, 1500], values: Array.from({ length: 1000 }, (_, i) => (i < 999 ? 0 : v)) });
  assert.equal(told(matrix("a", 1), matrix("b", 2))[1][1], "differs from run 1 at [1, 1499], or before: 2, there 1");
  const words = (hash, length) => p(hash, { kind: "json", text: '["w"]', length });
  assert.deepEqual(told(words("a", 9000), words("b", 9001))[1], ['["w"]', "differs from run 1 in length: 9,001, there 9,000"]);
  const raw = (hash, last) => p(hash, { kind: "bytes", type: "bytes", text: `00000000  00 |.|\n00000010  ${last} |.|\n` });
  assert.equal(told(raw("a", "01"), raw("b", "02"))[1][1], "differs from run 1 in the 16 bytes from 16 on");
  const figure = (hash, number) => p(hash, { kind: "number", type: "float", text: String(number), number });
  assert.deepEqual(told(figure("a", 0.1), figure("b", 0.1 + 5e-17), figure("c", 0.2)), [["0.1", undefined], ["0.10000000000000006", "+5.551e-17"], ["0.2", "+100 %"]]);
  assert.equal(told(figure("a", 899.7), figure("b", 2.8))[1][1], "−99.7 %");
  assert.deepEqual(told(p("a", { kind: "bool", type: "bool", text: "True" }), p("b", { kind: "bool", type: "numpy.bool_", text: "True" })), [["True", "bool"], ["True", "numpy.bool_"]]);
  assert.equal(toSee(numbers("a", 0, 0), 7, { step: "end", id: 4 }), "levada dump 7/end/4 --include x --max-value-size 27020");
  assert.equal(toSee(p("a", { kind: "object", type: "Model" }), 7, { step: "end", id: 4 }), "levada dump 7/end/4 --include x --file x.pickle");
});

test("numbers are written in one way, wherever they stand", async () => {
  const { number, plural } = await load("format.ts");
  const { said } = await load("run/Dag.tsx");
  const { oneLine } = await load("task/PreviewView.tsx");
  const written = [0, 12, 3000, -3000, 1199.6, 899.7, 0.00111025, 1234567.891, 2e15, 0.00001].map(number);
  assert.deepEqual(written, ["0", "12", "3,000", "-3,000", "1,199.6", "899.7", "0.00111025", "1,234,568", "2.000e+15", "1.000e-5"]);
  assert.equal(plural(3000, "task"), "3,000 tasks");
  assert.equal(said({ running: 1500, succeeded: 2000, caught: 0, failed: 0, killed: 0, died: 0, waiting: 0 }, 5000), "2,000/5,000 done, 1,500 running");
  assert.equal(oneLine({ kind: "array", type: "list", text: "list of 3000 numbers", shape: [3000] }), "list of 3,000 numbers");
});

test("steps that have as many tasks as their foreach is wide", async () => {
  const { asWide, many } = await load("run/layout.ts");
  // "a>b c" is a step with those after it; a type, and the join of a foreach, may stand in front.
  const graph = (...lines) => ({
    steps: Object.fromEntries(
      lines.map((line) => {
        const [, type = "linear", name, matching_join, next] = /^(?:(\S+):)?(\w+)(?:\/(\w+))?>(.*)$/.exec(line);
        return [name, { name, type, matching_join, next: next.split(" ").filter(Boolean) }];
      }),
    ),
  });
  const plain = graph("split-foreach:start/join>a", "a>b", "b>join", "join>end", "end>");
  assert.deepEqual([[...many(plain)], [...asWide(plain)]], [["a", "b"], ["a", "b"]]);
  const nested = graph("split-foreach:start/out>mid", "split-foreach:mid/in>deep", "deep>in", "in>out", "out>end", "end>");
  assert.deepEqual([[...many(nested)].sort(), [...asWide(nested)].sort()], [["deep", "in", "mid"], ["in", "mid"]]);
  const choice = graph("split-parallel:start/join>a", "split-switch:a>b c", "b>join", "c>join", "join>end", "end>");
  assert.deepEqual([...asWide(choice)], ["a"]);
  const loop = graph("start>each", "split-foreach:each/join>work", "work>join", "split-switch:join>each end", "end>");
  assert.deepEqual([[...many(loop)], [...asWide(loop)]], [["work"], []]);
});

test("what a box of the graph says", async () => {
  const { said } = await load("run/Dag.tsx");
  const counts = (more) => ({ running: 0, succeeded: 0, caught: 0, failed: 0, killed: 0, died: 0, ...more });
  assert.equal(said(undefined, 6), "not started");
  assert.equal(said(counts({ succeeded: 1 }), 1), "done");
  assert.equal(said(counts({ succeeded: 1, running: 2 }), 6), "1/6 done, 2 running");
  assert.equal(said(counts({ succeeded: 1, running: 2 }), undefined), "1 done, 2 running");
  assert.equal(said(counts({ running: 2 }), undefined), "2 running");
  assert.equal(said(counts({ running: 1 }), 1), "0/1 done, 1 running");
  assert.equal(said(counts({ failed: 1 }), 1), "failed");
  assert.equal(said(counts({ died: 1 }), 1), "died");
  assert.equal(said(counts({ failed: 1, killed: 5 }), 6), "1 failed, 5 killed");
  assert.equal(said(counts({ failed: 1 }), 6), "0/6 done, 1 failed", "five never started");
  assert.equal(said(counts({ succeeded: 1, caught: 1 }), 1), "done, exception caught");
  assert.equal(said(counts({ succeeded: 3, caught: 1, died: 1 }), 4), "3/4 done, 1 of them caught, 1 died");
  assert.equal(said(counts({ succeeded: 6, caught: 3 }), 6), "6 done, 3 of them caught");
});

test("characters that turn the order of text are written out", async () => {
  const { splitTurns, visible } = await load("format.ts");
  assert.equal(visible("a\u202eb\u2069"), "a[U+202E]b[U+2069]");
  assert.equal(visible("\u061cx"), "[U+061C]x");
  assert.equal(visible("שלום, plain"), "שלום, plain");
  assert.deepEqual(splitTurns("a\u202eb"), ["a", "\u202e", "b"]);
  assert.equal(splitTurns("plain"), undefined);
});

test("text in a log can be read, whatever colours it asks for", async () => {
  const { contrast, spans } = await load("task/ansi.ts");
  assert.ok(Math.abs(contrast("#000000", "#ffffff") - 21) < 1e-9);
  const grounds = ["", "7;", ...[40, 41, 42, 43, 44, 45, 46, 47, 100, 101, 102, 103, 104, 105, 106, 107].map((n) => `${n};`), "48;5;4;", "48;5;120;", "48;2;10;20;200;"];
  const texts = ["0", ...[30, 31, 32, 33, 34, 35, 36, 37, 90, 97].map(String), "38;5;16", "38;5;232", "38;5;21", "38;2;0;0;0"];
  for (const bg of grounds)
    for (const fg of texts) {
      const { style } = spans(`\x1b[${fg === "0" ? bg + "1" : bg + fg}mtext`)[0];
      const of = (name, other) => new RegExp(`(?:^|;)${name}:(#[0-9a-f]{6});`).exec(style)?.[1] ?? other;
      assert.ok(contrast(of("color", "#dbe4ec"), of("background", "#10161c")) >= 4.5, `${bg}${fg}: ${style}`);
    }
  for (let n = 30; n < 38; n++) {
    const colour = /color:(#\w+)/.exec(spans(`\x1b[${n}mtext`)[0].style)[1];
    assert.ok(contrast(colour, "#3c3413") >= 4.5, `${n} on a line that was found: ${colour}`);
  }
  assert.match(spans("\x1b[44mtext")[0].style, /color:#dbe4ec;background:#1a4a9c/, "a ground is dark, so that the text stays light");
});

test("an address tells the page, and one that is no address none", async () => {
  const { pageOf } = await load("router.ts");
  const page = (path) => pageOf(path, new URLSearchParams());
  assert.deepEqual(page("/runs/7/tasks/2"), { name: "task", run: 7, task: 2 });
  assert.deepEqual(page("/flows/%C3%A9/metrics"), { name: "metrics", flow: "é" });
  for (const none of ["/runs/%E0%A4", "/flows/%/metrics", "/runs/x", "/runs/1/2"]) assert.deepEqual(page(none), { name: "none" }, none);
});

test("ticks are round and inside", async () => {
  const { domain, linear, log, logDomain, time, timeDomain } = await load("scale.ts");
  const texts = (s) => s.ticks.map((t) => t.text);
  assert.deepEqual(texts(linear([0, 1], [0, 100])), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
  assert.deepEqual(texts(linear([0.9, 0.96], [0, 100], 3)), ["0.90", "0.92", "0.94", "0.96"]);
  assert.deepEqual(texts(log([1e-4, 1], [0, 100])), ["1e-4", "0.001", "0.01", "0.1", "1"]);
  assert.deepEqual(domain([]), [0, 1]);
  assert.deepEqual(domain([4]), [2, 6]);
  assert.ok(Number.isFinite(log(logDomain([]), [0, 1]).at(1)));
  assert.deepEqual(timeDomain([1.7e15]), [1.7e15 - 43200e6, 1.7e15 + 43200e6], "one moment is a day, not a century");
  assert.deepEqual(timeDomain([]), [0, 1]);
  assert.ok(time(timeDomain([1.7e15, 1.7e15 + 2e5]), [0, 500]).ticks.length >= 3, "moments of one second have ticks");
  for (const span of [1, 60, 3600, 86400, 1e7, 1e9, 1e10]) {
    const s = time([1.7e15, 1.7e15 + span * 1e6], [0, 500]);
    assert.ok(s.ticks.length <= 12 && s.ticks.every((t) => s.at(t.value) >= -1e-6 && s.at(t.value) <= 500.001), `${span} s`);
  }
});

test("runs are placed by numbers if all values are, else by names", async () => {
  const { axisOf, place, varying } = await load("pages/points.ts");
  const p = (id, alpha, y, more = {}) => ({ run: id, created: id, status: "succeeded", parameters: alpha === undefined ? null : { alpha, ...more }, tags: [], values: y === undefined ? {} : { y } });
  const numbers = [p(3, "0.5", 1), p(2, "0.1", 2), p(1, "0.9")];
  assert.deepEqual(place(numbers, "y", "alpha", axisOf(numbers, "alpha")).map((q) => q.point.run), [2, 3]);
  const words = [p(2, "sgd", 1), p(1, "adam", 2), p(4, undefined, 3)];
  assert.deepEqual(axisOf(words, "alpha"), { kind: "names", names: ["adam", "sgd"] });
  assert.deepEqual(place(words, "y", "alpha", axisOf(words, "alpha")).map((q) => [q.point.run, q.x]), [[1, 0], [2, 1]]);
  assert.deepEqual(varying([p(1, "a", 1, { same: "1" }), p(2, "b", 1, { same: "1" })]), ["alpha"]);
});

test("the numbers of runs are sorted, what has none comes last", async () => {
  const { sorted } = await load("pages/points.ts");
  const points = [{ run: 4, x: 1 }, { run: 3, x: 10 }, { run: 2 }, { run: 1, x: 1 }];
  const ids = (key, down) => sorted(points, key, down).map((p) => p.run);
  assert.deepEqual(ids((p) => p.x, false), [4, 1, 3, 2]);
  assert.deepEqual(ids((p) => p.x, true), [3, 4, 1, 2]);
  assert.deepEqual(ids((p) => p.x && `v${p.x}`, true), [3, 4, 1, 2]);
});

test("the stack of a timeout is said once", async () => {
  const { unstacked } = await load("run/trace.ts");
  const stack = '  File "/w/flow.py", line 9, in end\n    time.sleep(5)\n';
  const message = `Step end timed out after 0 hours, 0 minutes, 1 seconds\nStack when it was stopped:\n${stack}`;
  const raised = (frames) => `Traceback (most recent call last):\n${frames}levada.exceptions.TimeoutException: ${message}\n`;
  assert.equal(unstacked(message, raised(stack)), "Step end timed out after 0 hours, 0 minutes, 1 seconds");
  assert.equal(unstacked(message, raised('  File "/w/flow.py", line 12, in end\n')), message, "it was raised elsewhere");
  assert.equal(unstacked(message, ""), message);
  assert.equal(unstacked("no\nstack", raised(stack)), "no\nstack");
});

test("a traceback is taken apart, the exception that ended the task first, the user's lines told from libraries'", async () => {
  const { parse, runs, short } = await load("run/trace.ts");
  const text = `Traceback (most recent call last):
  File "/home/ann/deep.py", line 11, in work
    json.loads("{bad")
  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/json/decoder.py", line 337, in decode
    obj, end = self.raw_decode(s)
json.decoder.JSONDecodeError: Expecting a name

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/home/ann/deep.py", line 13, in work
    raise RuntimeError("two lines\\nof it") from e
  File "/home/ann/.venv/lib/python3.11/site-packages/pkg/mod.py", line 1, in f
  [Previous line repeated 996 more times]
RuntimeError: two lines
of it
`;
  const got = parse(text);
  assert.deepEqual(got.map((r) => [r.error, r.cause]), [["RuntimeError: two lines\nof it", ""], ["json.decoder.JSONDecodeError: Expecting a name", "cause"]]);
  assert.deepEqual(runs(got[1].places).map((r) => [r.own, r.places.map((p) => p.line)]), [[true, [11]], [false, [346, 337]]]);
  assert.deepEqual(got[1].places[1].source, ["return _default_decoder.decode(s)", "       ^^^^^^^^^^^^^^^^^^^^^^^^^^"]);
  assert.deepEqual(got[0].places[1], { file: "/home/ann/.venv/lib/python3.11/site-packages/pkg/mod.py", line: 1, function: "f", source: ["[Previous line repeated 996 more times]"], own: false });
  assert.equal(short(got[0].places[0].file, "/home/ann"), "deep.py");
  assert.equal(short(got[0].places[1].file, "/home/ann/flows"), "pkg/mod.py");
  for (const other of ["", "panic: boom\n\ngoroutine 1 [running]:", "  + Exception Group Traceback (most recent call last):\n  |", "Traceback (most recent call last):\n", "Traceback (most recent call last):\nValueError: 1"]) {
    assert.equal(parse(other), undefined, JSON.stringify(other));
  }
});

test("spans, the ticks of bytes, and floats are as short as they are read", async () => {
  const { duration } = await load("format.ts");
  assert.deepEqual([59.94, 120, 121, 3600, 3660, 86400, 90000].map(duration), ["59.9 s", "2 min", "2 min 1 s", "1 h", "1 h 1 min", "1 d", "1 d 1 h"]);
  const { ticks } = await load("components/Chart.tsx");
  const mebi = 2 ** 20;
  assert.deepEqual(ticks(0, 300 * mebi, 3.6, true).map((v) => v / mebi), [0, 128, 256, 384]);
  assert.deepEqual(ticks(0, 1.5 * 1024 * mebi, 3.6, true).map((v) => v / mebi), [0, 512, 1024, 1536]);
  assert.deepEqual(ticks(0, 300, 3.6), [0, 100, 200, 300]);
  const { shortFloat } = await load("task/PreviewView.tsx");
  assert.deepEqual(
    ["-0.4624617293847", "4.0", "12", "12345678901234", "0.000123456789", "123456789.123456", "1.23456789e-12", "00.5", "1.5e300", "nan", "1.2.3"].map(shortFloat),
    ["-0.462462", "4.0", "12", "12345678901234", "0.000123457", "123,456,789.123", "1.235e-12", "00.5", "1.5e300", "nan", "1.2.3"],
  );
});
