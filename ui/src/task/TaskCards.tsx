// The cards of a task, also while it makes them.

import { useEffect } from "preact/hooks";
import type { Card } from "../api";
import { Failure, Skeleton } from "../components/basic";
import { useAgain, useGet } from "../components/hooks";
import { CardFrame } from "./CardFrame";

export function TaskCards({ path, live }: { path: string; live: boolean }) {
  const cards = useGet<{ cards: Card[] }>(`${path}/cards`);
  useAgain(cards.again, Number(!live));
  useEffect(() => {
    if (!live) return;
    const timer = setInterval(cards.again, 5000); // a step may show more of them
    return () => clearInterval(timer);
  }, [live]);
  if (cards.error) return <Failure error={cards.error} retry={cards.again} />;
  if (!cards.data) return <Skeleton />;
  if (cards.data.cards.length === 0) {
    return (
      <div class="empty panel">
        <h2>No cards</h2>
        <p>A step that is decorated with @card makes one.</p>
      </div>
    );
  }
  return (
    <div class="stack">
      {cards.data.cards.map((c) => (
        <CardFrame key={c.uuid} card={c} />
      ))}
    </div>
  );
}
