// The tags of a run, which can be changed here.

import { useState } from "preact/hooks";
import { type Run, send } from "../api";
import { toastError } from "../components/basic";
import { Value } from "../components/Value";
import { visible } from "../format";

export function Tags({ run, changed }: { run: Run; changed: (tags: string[]) => void }) {
  const [typing, setTyping] = useState(false);
  const [text, setText] = useState("");
  const change = (body: { add?: string[]; remove?: string[] }) =>
    send<{ tags: string[] }>("PATCH", `/runs/${run.id}/tags`, body)
      .then((res) => changed(res.tags))
      .catch(toastError);
  return (
    <span class="row tags">
      {run.tags.map((t) => (
        <span class="tag">
          <a class="cut" href={`/?tag=${encodeURIComponent(t)}`} title={visible(t)}>
            <Value of={t} />
          </a>
          <button type="button" aria-label={`Remove the tag ${visible(t)}`} onClick={() => change({ remove: [t] })}>
            ×
          </button>
        </span>
      ))}
      {typing ? (
        <form
          onSubmit={(e) => {
            e.preventDefault();
            const tag = text.trim();
            setTyping(false);
            setText("");
            if (tag) void change({ add: [tag] });
          }}
        >
          <input class="input" autoFocus aria-label="New tag" placeholder="New tag" value={text} onInput={(e) => setText(e.currentTarget.value)} onBlur={() => !text && setTyping(false)} />
        </form>
      ) : (
        <button class="button plain" type="button" onClick={() => setTyping(true)}>
          + tag
        </button>
      )}
    </span>
  );
}
