// The numbers of runs as a table, which is sorted by any of its columns.

import type { Micros, Point } from "../api";
import { StatusPill, When } from "../components/basic";
import { Sideways } from "../components/Sideways";
import { Value } from "../components/Value";
import { number, visible } from "../format";
import { setQuery, useAddress } from "../router";
import { axisOf, type Key, numberOf, sorted } from "./points";

interface Column {
  id: string; // in the address
  name: string;
  first: "" | "-"; // how it is sorted by the first click
  num: boolean;
  key: (p: Point) => Key;
}

const usual = "-run";

export function MetricsTable({ points, shown, parameters, now }: { points: Point[]; shown: string[]; parameters: string[]; now: Micros }) {
  const columns: Column[] = [
    { id: "run", name: "Run", first: "-", num: false, key: (p) => p.run },
    { id: "status", name: "Status", first: "", num: false, key: (p) => p.status },
    { id: "started", name: "Started", first: "-", num: false, key: (p) => p.created },
    ...shown.map((n): Column => ({ id: `value.${n}`, name: n, first: "-", num: true, key: (p) => p.values[n] })),
    ...parameters.map((n): Column => {
      const num = axisOf(points, n).kind === "number";
      return { id: `parameter.${n}`, name: n, first: "", num, key: (p) => (num ? numberOf(p.parameters?.[n]) : p.parameters?.[n]) };
    }),
  ];
  const asked = useAddress().searchParams.get("sort") ?? usual;
  const by = columns.find((c) => c.id === asked.replace(/^-/, "")) ?? columns[0]!;
  const down = by.id === asked.replace(/^-/, "") ? asked.startsWith("-") : true;
  return (
    <Sideways label="The numbers, run by run">
      <table class="grid">
        <thead>
          <tr>
            {columns.map((c) => {
              const next = (c === by ? (down ? "" : "-") : c.first) + c.id;
              return (
                <th key={c.id} class={c.num ? "num" : ""} aria-sort={c === by ? (down ? "descending" : "ascending") : undefined}>
                  <button class="sort" type="button" onClick={() => setQuery({ sort: next === usual ? undefined : next })}>
                    {visible(c.name)} <span aria-hidden="true">{c === by ? (down ? "▾" : "▴") : ""}</span>
                  </button>
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {sorted(points, by.key, down).map((p) => (
            <tr key={p.run}>
              <td>
                <a href={`/runs/${p.run}`}>{p.run}</a>
              </td>
              <td>
                <StatusPill status={p.status} />
              </td>
              <td>
                <When at={p.created} now={now} />
              </td>
              {shown.map((n) => (
                <td class="num">{p.values[n] === undefined ? <span class="muted">–</span> : number(p.values[n])}</td>
              ))}
              {columns.slice(3 + shown.length).map(({ name, num }) => (
                <td class={num ? "num" : ""}>
                  <div class="clip" title={visible(p.parameters?.[name] ?? "")}>
                    <Value of={p.parameters?.[name] ?? ""} />
                  </div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Sideways>
  );
}
