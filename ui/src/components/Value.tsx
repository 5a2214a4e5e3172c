// What users have written, among what the page says; and what Levada says.

import type { ComponentChildren } from "preact";
import { codePoint, splitTurns } from "../format";

// Value shows a text that stands in a line with others, and does not turn them around, whatever it begins with. written: it is a value as a
// language writes it, such as a list, which begins at the left also if its first word is Hebrew.
export function Value({ of, written = false }: { of: string; written?: boolean }) {
  return <bdi dir={written ? "ltr" : undefined}>{marked(of)}</bdi>;
}

// marked is a text in which one sees the characters that turn its order around, and which do nothing then.
export function marked(text: string): ComponentChildren {
  return (
    splitTurns(text)?.map((part, i) =>
      i % 2 ? (
        <span class="turn" title="An invisible character that changes the order of the text after it">
          {codePoint(part)}
        </span>
      ) : (
        part
      ),
    ) ?? text
  );
}

// worded is a sentence of Levada's: what stands in backquotes, such as a command, is set as code.
export function worded(text: string): ComponentChildren {
  return text.split(/`([^`]+)`/).map((part, i) => (i % 2 ? <code>{marked(part)}</code> : marked(part)));
}
