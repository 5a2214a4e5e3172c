// A table that may be wider than the page, and scrolls sideways then.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

// Sideways says that there is more to the right where that is so: not every browser shows a scroll bar before one scrolls.
export function Sideways({ label, panel = true, children }: { label: string; panel?: boolean; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  const [more, setMore] = useState(false);
  useEffect(() => {
    const el = box.current!;
    const measure = () => setMore(el.scrollLeft + el.clientWidth < el.scrollWidth - 1);
    measure();
    el.addEventListener("scroll", measure, { passive: true });
    const watch = new ResizeObserver(measure);
    watch.observe(el);
    watch.observe(el.firstElementChild!);
    return () => {
      el.removeEventListener("scroll", measure);
      watch.disconnect();
    };
  }, []);
  return (
    <div class={`sideways ${more ? "more" : ""}`}>
      <div class={panel ? "panel scroll" : "scroll"} tabIndex={0} role="region" aria-label={label} ref={box}>
        {children}
      </div>
      {more ? (
        <button class="button" type="button" aria-label="More columns" title="There are more columns to the right" onClick={() => box.current?.scrollBy({ left: box.current.clientWidth / 2 })}>
          →
        </button>
      ) : null}
    </div>
  );
}
