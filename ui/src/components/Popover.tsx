// A button that opens a panel under it.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

// Popover closes its panel by Escape, and when the focus or a click goes elsewhere.
export function Popover({ text, active, children }: { text: string; active: boolean; children: (close: () => void) => ComponentChildren }) {
  const [open, setOpen] = useState(false);
  const ref = useRef<HTMLDivElement>(null);
  const id = useId();
  const close = () => {
    setOpen(false);
    ref.current?.querySelector("button")?.focus();
  };
  useEffect(() => {
    const panel = ref.current?.querySelector<HTMLElement>(".popover-panel");
    if (!open || !panel) return;
    const box = panel.getBoundingClientRect();
    const over = box.right - document.documentElement.clientWidth + 8;
    if (over > 0) panel.style.translate = `${-Math.min(over, box.left - 8)}px 0`;
    panel.querySelector<HTMLElement>("input, button, select")?.focus({ preventScroll: true });
    const elsewhere = (e: Event) => {
      if (!ref.current?.contains(e.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("focusin", elsewhere);
    return () => {
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("focusin", elsewhere);
    };
  }, [open]);
  return (
    <div
      class="popover"
      ref={ref}
      onKeyDown={(e) => {
        if (e.key !== "Escape" || !open) return;
        e.stopPropagation();
        close();
      }}
    >
      <button class="button" type="button" aria-haspopup="true" aria-expanded={open} aria-controls={open ? id : undefined} aria-pressed={active} onClick={() => setOpen(!open)}>
        {text} <span aria-hidden="true">▾</span>
      </button>
      {open ? (
        <div class="popover-panel" id={id}>
          {children(close)}
        </div>
      ) : null}
    </div>
  );
}
