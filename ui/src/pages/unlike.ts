// Values side by side: written so that those that differ look different, and where they do. Pure.

export interface Part {
  text: string;
  unlike: boolean; // not the same in all
}

export const missing = "–"; // where a run has no such value

// What is not seen, or looks like a plain blank. Characters that turn the order of text are shown by whoever shows any text.
const unseen = /(?!\p{Bidi_Control})[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

// written returns values as they can be told apart: if one is empty, has blanks at an end, lines or characters that are not seen, all are in quotes.
export function written(values: string[]): string[] {
  const plain = values.every((v) => v !== "" && v !== missing && v === v.trim() && v.search(unseen) < 0);
  if (plain) return values;
  return values.map((v) => JSON.stringify(v).replace(unseen, (c) => `\\u${c.codePointAt(0)!.toString(16).padStart(4, "0")}`));
}

const elided = 120; // characters at an end that all have: more are left out in the middle
const around = 40;
const most = 400; // characters that differ of which all are shown
const short = 20; // one sees by oneself where values differ that are no longer

// parts takes values apart: what all begin and end with, and what lies between and differs. If they have nothing in common, nothing is marked.
export function parts(values: string[]): Part[][] {
  const lists = values.map((v) => [...v]);
  const least = Math.min(...lists.map((l) => l.length));
  const same = (at: (l: string[]) => string | undefined) => lists.every((l) => at(l) === at(lists[0]!));
  let head = 0;
  while (head < least && same((l) => l[head])) head++;
  let tail = 0;
  while (tail < least - head && same((l) => l[l.length - 1 - tail])) tail++;
  const marks = lists.some((l) => l.length > short);
  const elide = (l: string[], limit: number, ends: number) => (l.length > limit ? [...l.slice(0, ends), " … ", ...l.slice(-ends)] : l).join("");
  return lists.map((l) => {
    if (!marks) return [{ text: l.join(""), unlike: false }];
    return [
      { text: elide(l.slice(0, head), elided, around), unlike: false },
      { text: elide(l.slice(head, l.length - tail), most, most / 2), unlike: head + tail > 0 },
      { text: elide(l.slice(l.length - tail), elided, around), unlike: false },
    ].filter((p) => p.text !== "");
  });
}
