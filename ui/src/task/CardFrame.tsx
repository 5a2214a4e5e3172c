// A card: somebody's page, in a frame with an origin of its own. That of a running task is drawn again when it has changed.

import { useEffect, useRef, useState } from "preact/hooks";
import { address, type Card, get } from "../api";
import { StatusPill } from "../components/basic";
import { Value } from "../components/Value";

const every = 5000;
const highest = 20_000; // pixels; what is higher scrolls in its frame

export function CardFrame({ card }: { card: Card }) {
  const [live, setLive] = useState(card.live);
  const [drawn, setDrawn] = useState(""); // the content that is in sight, or is loaded to be, by its ETag
  const [shown, setShown] = useState(""); // the one in sight
  const [newer, setNewer] = useState(""); // one that waits, since somebody reads the one in sight
  const [heights, setHeights] = useState<Record<string, number>>({}); // of the contents, as far as they tell
  const box = useRef<HTMLDivElement>(null);
  const task = `/runs/${card.run}/tasks/${card.task}`;
  const src = address(`${task}/cards/${card.uuid}`);

  useEffect(() => {
    let ended = false;
    const look = async () => {
      if (document.hidden) return;
      try {
        const [page, list] = await Promise.all([fetch(src, { method: "HEAD" }), live ? get<{ cards: Card[] }>(`${task}/cards`) : undefined]);
        const etag = page.headers.get("ETag");
        if (ended || !page.ok || !etag) return;
        if (list) setLive(list.cards.some((c) => c.uuid === card.uuid && c.live));
        // A frame of another origin cannot be asked where it is scrolled to, so one that is in use stays as it is.
        const used = box.current?.contains(document.activeElement) || !!box.current?.querySelector("iframe:hover");
        if (!used) setDrawn(etag);
        setNewer(used ? etag : "");
      } catch {
        // the server is away: what is there stays
      }
    };
    void look();
    const timer = live ? setInterval(look, every) : 0;
    return () => {
      ended = true;
      clearInterval(timer);
    };
  }, [src, live]);

  // A page of another origin cannot be measured, but it may tell its height: parent.postMessage({ cardHeight: 640 }, "*").
  useEffect(() => {
    const hear = (e: MessageEvent<{ cardHeight?: unknown } | null>) => {
      const px = e.data?.cardHeight;
      if (typeof px !== "number" || !(px > 0)) return;
      const from = [...(box.current?.querySelectorAll("iframe") ?? [])].find((f) => f.contentWindow === e.source);
      if (from) setHeights((old) => ({ ...old, [from.dataset["etag"]!]: Math.min(Math.ceil(px), highest) }));
    };
    window.addEventListener("message", hear);
    return () => window.removeEventListener("message", hear);
  }, []);

  const name = card.id ?? card.type;
  return (
    <div class="stack" style={{ gap: "0.3rem" }}>
      <div class="row spread">
        <span class="muted">
          <Value of={name} />
          {card.failed ? (
            <>
              {" "}
              <StatusPill status="failed" /> This is what the card showed when the step failed.
            </>
          ) : live ? (
            ", updated while the task runs"
          ) : null}
          {newer && newer !== drawn ? (
            <>
              ; it has been updated{" "}
              <button class="button" type="button" onClick={() => setDrawn(newer)}>
                Show
              </button>
            </>
          ) : null}
        </span>
        <a href={src} target="_blank" rel="noopener">
          Open in a new tab
        </a>
      </div>
      <div class="frames" ref={box}>
        {[...new Set([shown, drawn])].filter(Boolean).map((etag) => (
          <iframe
            key={etag}
            class={etag === shown || !shown ? "card" : "card coming"}
            data-etag={etag}
            style={heights[etag] ? { height: `${heights[etag] + 2}px` } : undefined}
            src={src}
            sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox"
            title={`Card ${name} of ${card.step}/${card.task}`}
            onLoad={() => etag === drawn && setShown(etag)}
          />
        ))}
      </div>
    </div>
  );
}
