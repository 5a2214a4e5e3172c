// The cards of a task, also while it makes them.

import { useEffect } from "preact/hooks";
import type { Card } from "../api";
import { Failure, Skeleton } from "../components/basic";
import { type Loaded, useAgain, useGet } from "../components/hooks";
import { CardFrame } from "./CardFrame";

const every = 5000; // ms: a step that goes on may show more of them

type Made = Loaded<{ cards: Card[] }>;

// useCards asks for the cards of a task, if they are wanted, and again while it makes them.
export function useCards(path: string, wanted: boolean, live: boolean): Made {
  const cards = useGet<{ cards: Card[] }>(wanted ? `${path}/cards` : undefined);
  useAgain(cards.again, Number(!live));
  useEffect(() => {
    if (!wanted || !live) return;
    const timer = setInterval(cards.again, every);
    return () => clearInterval(timer);
  }, [wanted, live]);
  return cards;
}

export function TaskCards({ cards, failed }: { cards: Made; failed: boolean }) {
  if (cards.error) return <Failure error={cards.error} retry={cards.again} />;
  if (!cards.data) return <Skeleton />;
  if (cards.data.cards.length === 0) {
    return (
      <div class="empty panel">
        <h2>No cards</h2>
        {failed ? (
          <p>
            The card of a failed step keeps what it last showed with <code>current.card.refresh()</code>. This step had shown nothing.
          </p>
        ) : (
          <>
            <p>Add @card to a step to make one, or start the run with a card for every step:</p>
            <pre>{"levada run FILE --with card"}</pre>
          </>
        )}
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
