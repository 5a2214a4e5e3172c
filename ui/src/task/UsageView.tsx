// What an attempt used, against what it asked for.

import type { Attempt, Usage } from "../api";
import { Failure, Skeleton } from "../components/basic";
import { Chart } from "../components/Chart";
import { useAgain, useGet } from "../components/hooks";
import { bytes, duration } from "../format";

export function UsageView({ path, at, now }: { path: string; at: Attempt; now: number }) {
  const res = useGet<Usage>(`${path}/usage`, { attempt: String(at.n) });
  useAgain(res.again, at.ended);
  if (res.error) return <Failure error={res.error} retry={res.again} />;
  const u = res.data;
  if (!u) return <Skeleton />;
  const end = at.ended || now;
  const unknown = at.ended ? "not measured" : "not known yet";
  const source = u.peak_memory ? sources[u.memory_source ?? ""] : undefined;
  const since = (t: number) => (t - at.started) / 1e6;
  const asked = (value: number, name: string) => (value > 0 ? [{ name, colour: "warn", dashed: true, points: [0, since(end)].map((x) => ({ x, y: value })) }] : []);
  const cpu = u.samples.time.map((t, i) => ({ x: since(t), y: u.samples.cpu[i]! }));
  const memory = u.samples.time.map((t, i) => ({ x: since(t), y: u.samples.memory[i]! }));
  return (
    <div class="stack">
      <section class="panel">
        <dl class="facts">
          <dt>CPU time</dt>
          <dd>{u.cpu_seconds ? duration(u.cpu_seconds) : unknown}</dd>
          <dt>peak memory</dt>
          <dd>
            {u.peak_memory ? bytes(u.peak_memory) : unknown}
            {source ? (
              <span class="muted" title={source[1]}>
                {" "}
                {source[0]}
              </span>
            ) : null}
          </dd>
          {at.gpus ? (
            <>
              <dt>GPUs</dt>
              <dd title="As CUDA_VISIBLE_DEVICES names them">{at.gpus.join(", ")}</dd>
            </>
          ) : null}
          <dt>requested</dt>
          <dd>{[u.requested.cpu && `${u.requested.cpu} CPU`, u.requested.memory && bytes(u.requested.memory), u.requested.gpu && `${u.requested.gpu} GPU`].filter(Boolean).join(", ") || "nothing"}</dd>
        </dl>
        {cpu.length > 0 ? (
          <div class="legend" style={{ marginTop: "0.6rem" }}>
            <span>
              <i style={{ background: "var(--accent)" }} /> used
            </span>
            <span>
              <i style={{ background: "var(--warn)" }} /> requested (dashed)
            </span>
          </div>
        ) : null}
      </section>
      {cpu.length > 0 ? (
        <div class="columns">
          <section class="panel">
            <h2>CPU cores</h2>
            <Chart zero label={`Cores used over ${duration(since(end))}`} x={onAxis} series={[{ name: "used", colour: "accent", points: cpu, dots: cpu.length < 3 }, ...asked(u.requested.cpu, "requested")]} />
          </section>
          <section class="panel">
            <h2>Memory</h2>
            <Chart zero label={`Memory used over ${duration(since(end))}`} binary x={onAxis} y={bytes} series={[{ name: "used", colour: "accent", points: memory, dots: memory.length < 3 }, ...asked(u.requested.memory, "requested")]} />
          </section>
        </div>
      ) : (
        <p class="muted">{noSamples(at)}</p>
      )}
    </div>
  );
}

// How peaks of memory are measured: in short, and what one has to know to compare them.
const sources: Record<string, [string, string] | undefined> = {
  cgroup: ["of all its processes", "Counted by the kernel for the task and the processes that it started: exact (cgroup)."],
  pss: ["of all its processes, looked at once a second", "The sum over the task's processes, looked at once a second, so shorter peaks are missed. What several processes share is divided among them (pss)."],
  rss: ["of all its processes, looked at once a second", "The sum over the task's processes, looked at once a second, so shorter peaks are missed. What they share with others is left out (rss)."],
  maxrss: ["of its largest process, rather too much", "The peak of the task's largest process, with what it shares with the interpreter that it was forked from (maxrss). Other processes of the task are not in it."],
};

function noSamples(at: Attempt): string {
  if (!at.ended) return "Samples appear when the task has ended.";
  return at.ended - at.started < 1e6 ? "The task took less than a second, so there are no samples." : "No samples were recorded.";
}

const onAxis = (seconds: number) => duration(seconds).replace(".0 s", " s");
