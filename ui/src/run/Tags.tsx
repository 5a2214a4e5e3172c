// The tags of a run, which can be changed here.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Run, send } from "../api";
import { toastError } from "../components/basic";
import { Value } from "../components/Value";
import { visible } from "../format";

export function Tags({ run, changed }: { run: Run; changed: (tags: string[]) => void }) {
  const [typing, setTyping] = useState(false);
  const [text, setText] = useState("");
  const all = useRef<HTMLSpanElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const next = useRef<number>(undefined); // which button gets the focus when the one that had it is gone
  const change = (body: { add?: string[]; remove?: string[] }, focus?: number) =>
    send<{ tags: string[] }>("PATCH", `/runs/${run.id}/tags`, body)
      .then((res) => {
        next.current = focus; // not before: others' tags may come in the meantime
        changed(res.tags);
      })
      .catch(toastError);
  const end = (focus: boolean) => {
    setTyping(false);
    setText("");
    if (focus) next.current = run.tags.length; // "+ tag"
  };
  useLayoutEffect(() => {
    if (typing) field.current?.focus(); // a browser heeds autofocus once for a document
  }, [typing]);
  useLayoutEffect(() => {
    if (next.current === undefined) return;
    const buttons = all.current?.querySelectorAll("button");
    if (document.activeElement === document.body) buttons?.[Math.min(next.current, buttons.length - 1)]?.focus();
    next.current = undefined;
  }, [run.tags, typing]);
  return (
    <span class="row tags" ref={all}>
      {run.tags.map((t, i) => (
        <span class="tag" key={t}>
          <a class="cut" href={`/?tag=${encodeURIComponent(t)}`} title={visible(t)}>
            <Value of={t} />
          </a>
          <button
            type="button"
            aria-label={`Remove the tag ${visible(t)}`}
            onClick={() => void change({ remove: [t] }, i)}
          >
            ×
          </button>
        </span>
      ))}
      {typing ? (
        <form
          onSubmit={(e) => {
            e.preventDefault();
            const tag = text.trim();
            end(true);
            if (tag) void change({ add: [tag] });
          }}
        >
          <input
            ref={field}
            class="input"
            aria-label="New tag"
            placeholder="New tag"
            value={text}
            onInput={(e) => setText(e.currentTarget.value)}
            onBlur={() => !text && end(false)}
            onKeyDown={(e) => {
              if (e.key !== "Escape") return;
              e.preventDefault();
              end(true);
            }}
          />
        </form>
      ) : (
        <button class="button plain" type="button" onClick={() => setTyping(true)}>
          + tag
        </button>
      )}
    </span>
  );
}
