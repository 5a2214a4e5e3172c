// A Python traceback, taken apart so that the user's own lines can be shown before those of libraries. Pure.

export interface Place {
  file: string;
  line: number;
  function: string;
  source: string[];
  own: boolean; // of the user's code, not of Python or an installed package
}

export interface Raised {
  error: string; // the exception and its message
  places: Place[];
  cause: "" | "cause" | "context"; // what it is to the exception after it
}

const place = /^ {2}File "(.*)", line (\d+)(?:, in (.*))?$/;
const between: [string, "cause" | "context"][] = [
  ["The above exception was the direct cause of the following exception:", "cause"],
  ["During handling of the above exception, another exception occurred:", "context"],
];

export function isOwn(file: string): boolean {
  return !file.startsWith("<frozen ") && !/[\\/](site-packages|dist-packages|lib[\\/]python\d[\d.]*)[\\/]/.test(file);
}

// parse gives the exceptions of a traceback, the one that ended the task first. It gives undefined for what is not one of Python as
// it is usually printed, as a panic of Go or a group of exceptions: that is to be shown as it is.
export function parse(text: string): Raised[] | undefined {
  const lines = text.trimEnd().split("\n");
  const out: Raised[] = [];
  let i = 0;
  while (i < lines.length) {
    if (lines[i++] !== "Traceback (most recent call last):") return undefined;
    const places: Place[] = [];
    for (; i < lines.length && lines[i]!.startsWith("  "); i++) {
      const m = place.exec(lines[i]!);
      if (m) places.push({ file: m[1]!, line: Number(m[2]), function: m[3] ?? "", source: [], own: isOwn(m[1]!) });
      else if (places.length) places.at(-1)!.source.push(lines[i]!.replace(/^ {2,4}/, ""));
      else return undefined;
    }
    const error: string[] = [];
    let cause: Raised["cause"] = "";
    for (; i < lines.length && !cause; i++) {
      cause = between.find(([words]) => words === lines[i])?.[1] ?? "";
      if (!cause) error.push(lines[i]!);
    }
    while (lines[i] === "") i++;
    if (places.length === 0) return undefined;
    out.unshift({ error: error.join("\n").trim(), places, cause });
  }
  return out.length ? out : undefined;
}

// unstacked is the message of an exception without the stack that the one of a timeout ends with, if the traceback goes through the same places.
export function unstacked(message: string, traceback: string): string {
  const [said, stack] = message.split("\nStack when it was stopped:\n");
  const places = (stack ?? "").split("\n").filter((line) => place.test(line));
  const above = traceback.split(message.trim())[0]!.split("\n");
  return places.length && places.every((line) => above.includes(line)) ? said! : message;
}

// inCode is where a file is in the code of a run, which is the folder of its flow's file; undefined for one that is elsewhere.
export function inCode(file: string, flow: string): string | undefined {
  const folder = flow.slice(0, flow.lastIndexOf("/") + 1);
  return folder && isOwn(file) && file.startsWith(folder) ? file.slice(folder.length) : undefined;
}

// runs puts neighbouring places together that are own or are not.
export function runs(places: Place[]): { own: boolean; places: Place[] }[] {
  const out: { own: boolean; places: Place[] }[] = [];
  for (const p of places) {
    if (out.at(-1)?.own === p.own) out.at(-1)!.places.push(p);
    else out.push({ own: p.own, places: [p] });
  }
  return out;
}

// short is a path as it is shown: relative to the run's folder, or from the package on.
export function short(file: string, folder: string): string {
  if (folder && file.startsWith(folder + "/")) return file.slice(folder.length + 1);
  return file.replace(/^.*[\\/](?:site-packages|dist-packages|lib[\\/]python\d[\d.]*)[\\/]/, "");
}
