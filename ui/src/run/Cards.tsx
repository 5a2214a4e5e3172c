// The cards of all tasks of a run, one at a time.

import { useEffect, useRef } from "preact/hooks";
import type { Card } from "../api";
import { Failure, Skeleton } from "../components/basic";
import { type Loaded, useGet } from "../components/hooks";
import { bytes, visible } from "../format";
import { setQuery, useAddress } from "../router";
import { CardFrame } from "../task/CardFrame";

const cardsEvery = 1000; // ms between two looks for new cards, of a run that goes on

type Made = Loaded<{ cards: Card[] }>;

// useCards asks for the cards of a run, if they are wanted. version and turn change when tasks do, and when the server is there again.
export function useCards(run: number, wanted: boolean, version: number, turn: number): Made {
  const cards = useGet<{ cards: Card[] }>(wanted ? `/runs/${run}/cards` : undefined);
  const state = `${version}/${Math.max(1, turn)}`; // the first turn is when the page begins
  const asked = useRef(state);
  useEffect(() => {
    if (asked.current === state) return;
    asked.current = state;
    const timer = setTimeout(cards.again, cardsEvery);
    return () => clearTimeout(timer);
  }, [state]);
  return cards;
}

export function Cards({ run, cards }: { run: number; cards: Made }) {
  const chosen = useAddress().searchParams.get("card");
  const list = cards.data?.cards ?? [];
  if (cards.error) return <Failure error={cards.error} retry={cards.again} />;
  if (!cards.data) return <Skeleton />;
  if (list.length === 0) {
    return (
      <div class="empty panel">
        <h2>This run has no cards</h2>
        <p>Add @card to a step to show its results as a page:</p>
        <pre>{"@card\n@step\ndef train(self):"}</pre>
        <p>
          If the step fails, its card keeps what it last showed with <code>current.card.refresh()</code>.
        </p>
      </div>
    );
  }
  const card = list.find((c) => c.uuid === chosen) ?? list[0]!;
  return (
    <div class="stack">
      <div class="row">
        <label>
          Card{" "}
          <select class="input" value={card.uuid} onChange={(e) => setQuery({ card: e.currentTarget.value })}>
            {list.map((c) => (
              <option key={c.uuid} value={c.uuid}>
                {c.step}/{c.task} {visible(c.id ?? c.type)} ({bytes(c.size)}){c.failed ? ", failed" : ""}
              </option>
            ))}
          </select>
        </label>
        <a class="button" href={`/runs/${run}/tasks/${card.task}`}>
          Open the task
        </a>
      </div>
      <CardFrame card={card} />
    </div>
  );
}
