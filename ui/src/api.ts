// The HTTP API: its types, as openapi.json has them, and how it is asked.

export type Micros = number; // since 1970 in UTC, 0 for none

export type Status = "running" | "succeeded" | "failed" | "interrupted" | "died" | "caught" | "killed" | "pending";

export interface Counts {
  running: number;
  succeeded: number;
  caught: number; // of those that succeeded
  failed: number;
  killed: number;
  died: number;
  waiting: number; // known to come, and not launched; of a run that is over, never
  started: Micros;
  ended: Micros;
}

export interface Run {
  id: number;
  flow: string;
  status: Status;
  user: string;
  created: Micros;
  ended: Micros;
  origin?: number;
  failed_task: number;
  stop_asked?: Micros; // when somebody asked for its end
  problem?: string;
  tags: string[];
  system_tags: string[];
  code?: string;
  host: string;
  command_line: string[];
  working_dir: string;
  flow_file: string;
  git_commit?: string;
  git_dirty?: boolean;
  language: string;
  runtime: string;
  interpreter?: string;
  sdk: string;
  levada: string;
  max_workers?: number;
  isolation?: string;
  namespace?: string;
  project?: string;
  branch?: string;
  resumed?: string;
  parameters?: Record<string, string>;
  tasks?: Counts;
}

// Whether Levada ran it, which then told its version. Metaflow, whose runs are recorded here too, has none to tell.
export function isOurs(r: Run): boolean {
  return r.levada !== "";
}

// Whether a page can ask for it to be resumed: Levada ran it, and it is known what to run, and where.
export function canResume(r: Run): boolean {
  return isOurs(r) && r.flow_file !== "" && r.working_dir !== "";
}

export interface Page<T> {
  next: string;
  items: T[];
}

export interface Flow {
  name: string;
  runs: number;
  latest: number;
  created: Micros;
}

export interface Step {
  run: number;
  name: string;
  first: number;
  last: number;
  created: Micros;
  counts?: Counts;
}

export interface Exception {
  type: string;
  message: string;
  traceback: string;
}

export interface Attempt {
  n: number;
  status: Status;
  pid?: number;
  started: Micros;
  ended: Micros;
  exit_code?: number;
  signal?: number;
  user_cpu: number;
  system_cpu: number;
  peak_memory: number;
  memory_source?: string;
  gpus?: string[];
  value?: string;
  log_lines: number;
  log_bytes: number;
  exception?: Exception;
}

export interface Frame {
  step: string;
  task: number;
  var?: string;
  index: number;
  count: number;
  gang?: boolean;
}

export interface Task {
  run: number;
  id: number;
  step: string;
  created: Micros;
  origin?: number;
  iteration?: number;
  stack?: Frame[];
  attempts: Attempt[];
  finished: boolean;
}

export interface Timeline {
  steps: string[];
  statuses: Status[];
  rows: {
    task: number[];
    step: number[];
    attempt: number[];
    status: number[];
    started: Micros[];
    ended: Micros[];
    value: string[];
  };
  next: string;
}

export interface Artifact {
  name: string;
  hash: string;
  size: number;
  codec: string;
  type: string;
}

export interface Preview extends Artifact {
  kind: "none" | "bool" | "number" | "text" | "table" | "array" | "image" | "json" | "bytes" | "object" | "unknown";
  text?: string;
  truncated?: boolean;
  number?: number | null; // null: not finite
  columns?: string[];
  types?: string[]; // of the columns
  rows?: string[][]; // the first ones; of an array of one dimension, its elements; of an object, names and values of its attributes
  index?: string[]; // their labels
  total_rows?: number;
  shape?: number[];
  dtype?: string;
  values?: (number | null)[];
  not_finite?: number;
  length?: number; // of all of a list or map, shown or not
  media_type?: string;
}

export interface LogLine {
  time: Micros;
  stderr?: boolean;
  text: string;
  newline: boolean;
}

export interface LogPage {
  lines: LogLine[];
  next: string;
  end: string;
}

export interface Usage {
  requested: { cpu: number; memory: number; gpu: number };
  samples: { time: Micros[]; cpu: number[]; memory: number[] };
  cpu_seconds: number;
  peak_memory: number;
  memory_source?: string;
}

export interface Card {
  run: number;
  step: string;
  task: number;
  attempt: number;
  position: number;
  type: string;
  id?: string;
  uuid: string;
  size: number;
  hash?: string; // a live card has none
  live: boolean;
  failed?: boolean; // its attempt did not come to the end of the step
  changed: Micros;
}

export interface Point {
  run: number;
  task: number;
  created: Micros;
  status: Status;
  user: string;
  tags: string[];
  parameters: Record<string, string> | null;
  values: Record<string, number>;
}

export interface Metrics {
  names: string[];
  points: Point[];
  next: string;
}

// A node of the graph, in the shape of _graph_info.
export interface GraphNode {
  name: string;
  type: string;
  line: number;
  doc: string;
  next: string[];
  decorators?: { name: string; attributes?: unknown }[];
  foreach_artifact?: string;
  matching_join?: string;
  condition?: string;
}

export interface Graph {
  steps: Record<string, GraphNode>;
  start_step?: string;
  end_step?: string;
}

export interface TaskRef {
  step: string;
  id: number;
}

// Siblings is where a task is among those of its step: of a foreach, a gang or a loop.
export interface Siblings {
  position: number; // from 1
  count: number;
  previous: number | null;
  next: number | null;
}

// What went wrong, as the server tells it.
export class Problem extends Error {
  constructor(
    readonly status: number, // 0: the server was not reached
    detail: string,
    readonly hint: string,
  ) {
    super(detail);
  }
}

// isAway says whether a server was not reached at all.
export const isAway = (err: unknown): boolean => err instanceof Problem && err.status === 0;

export const base = "/api/v1";

type Query = Record<string, string | number | string[] | undefined>;

export function address(path: string, query: Query = {}): string {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const v of Array.isArray(value) ? value : [value]) {
      if (v !== undefined && v !== "") q.append(name, String(v));
    }
  }
  const text = q.toString();
  return base + path + (text ? "?" + text : "");
}

// Clocks are off, and what is said of a run that goes on would be, too: now is what the server says, if this machine is far from it.
let off = 0; // ms
const tolerated = 5000; // which an answer may have been under way

export const now = (): Micros => (Date.now() + off) * 1000;

// An event of the window: now is another time.
export const clockSet = "levada:clock";

function hearClock(res: Response): void {
  const is = Date.parse(res.headers.get("Date") ?? "") - Date.now();
  if (!(Math.abs(is - off) > tolerated)) return; // or it is not told
  off = is;
  window.dispatchEvent(new Event(clockSet));
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  let res: Response;
  try {
    res = await fetch(url, init);
  } catch (err) {
    if (init.signal?.aborted) throw err;
    throw new Problem(0, "The server does not answer.", "Is `levada server` still running?");
  }
  hearClock(res);
  if (res.ok) return res;
  let detail = res.statusText;
  let hint = "";
  try {
    const p = (await res.json()) as { detail?: string; hint?: string };
    detail = p.detail ?? detail;
    hint = p.hint ?? "";
  } catch {
    // not one of our answers
  }
  throw new Problem(res.status, detail, hint);
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const res = await ask(address(path, query), signal ? { signal } : {});
  return (await res.json()) as T;
}

export async function getText(path: string, query: Query = {}, signal?: AbortSignal): Promise<string> {
  const res = await ask(address(path, query), signal ? { signal } : {});
  return res.text();
}

export async function send<T>(method: "POST" | "PATCH", path: string, body: unknown): Promise<T> {
  const res = await ask(base + path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  return (await res.json()) as T;
}

// Every page of a timeline.
export async function timeline(run: number, signal: AbortSignal, page: (t: Timeline) => void): Promise<void> {
  for (let cursor = ""; ; ) {
    const t = await get<Timeline>(`/runs/${run}/timeline`, { cursor }, signal);
    page(t);
    if (!t.next) return;
    cursor = t.next;
  }
}

// The task that has what a run ended with: the last one of its end step, as the graph names it, else of its last step; undefined if it
// has no tasks.
export function lastTask(steps: Step[], end = "end"): TaskRef | undefined {
  const real = steps.filter((s) => s.name !== "_parameters");
  const last = real.find((s) => s.name === end) ?? real.at(-1);
  return last && { step: last.name, id: last.last };
}

// isGiven says whether an artifact is what a run was given as a parameter. It is called as its variable, which has underscores where the
// parameter often has hyphens.
export function isGiven(artifact: string, parameters: Record<string, string> | null | undefined): boolean {
  return !!parameters && (artifact in parameters || artifact.replaceAll("_", "-") in parameters);
}
