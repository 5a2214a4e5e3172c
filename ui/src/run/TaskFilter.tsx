// Which tasks of a run are shown. It is in the address.

import { setQuery } from "../router";
import type { Filter } from "./rows";

export function TaskFilter({ names, filter }: { names: string[]; filter: Filter }) {
  return (
    <span class="row" role="search">
      <select class="input" aria-label="Step" value={filter.step} onChange={(e) => setQuery({ step: e.currentTarget.value })}>
        <option value="">all steps</option>
        {[...new Set([...names, filter.step])].filter(Boolean).map((n) => (
          <option value={n}>{n}</option>
        ))}
      </select>
      <select class="input" aria-label="Status" value={filter.status} onChange={(e) => setQuery({ status: e.currentTarget.value })}>
        <option value="">any status</option>
        {["running", "succeeded", "failed", "caught", "killed", "died"].map((s) => (
          <option value={s}>{s}</option>
        ))}
      </select>
      <input class="input" type="search" placeholder="Task or foreach value" aria-label="Task or foreach value" value={filter.text} onInput={(e) => setQuery({ text: e.currentTarget.value })} />
    </span>
  );
}
