// A card: somebody's page, in a frame with an origin of its own.

import { useEffect, useState } from "preact/hooks";
import { address, type Card } from "../api";
import { Value } from "../components/Value";

export function CardFrame({ card }: { card: Card }) {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!card.live) return;
    const timer = setInterval(() => setTurn((n) => n + 1), 5000);
    return () => clearInterval(timer);
  }, [card.uuid, card.live]);
  const src = address(`/runs/${card.run}/tasks/${card.task}/cards/${card.uuid}`);
  return (
    <div class="stack" style={{ gap: "0.3rem" }}>
      <div class="row spread">
        <span class="muted">
          <Value of={card.id ?? card.type} />
          {card.live ? ", as it is while the task runs" : ""}
        </span>
        <a href={src} target="_blank" rel="noopener">
          Open alone
        </a>
      </div>
      <iframe key={turn} class="card" src={src} sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox" title={`Card ${card.id ?? card.type} of ${card.step}/${card.task}`} />
    </div>
  );
}
