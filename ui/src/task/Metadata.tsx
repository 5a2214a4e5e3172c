// What is noted about a task by name.

import { Failure, Skeleton } from "../components/basic";
import { useGet } from "../components/hooks";
import { marked } from "../components/Value";
import { number } from "../format";

export function Metadata({ path }: { path: string }) {
  const res = useGet<{ metadata: { name: string; value: string; attempt: number; created: number }[] }>(`${path}/metadata`);
  if (res.error) return <Failure error={res.error} retry={res.again} />;
  if (!res.data) return <Skeleton />;
  if (res.data.metadata.length === 0) return <p class="empty panel">Nothing is recorded about this task yet.</p>;
  return (
    <section class="panel scroll" style={{ padding: 0 }}>
      <table class="grid">
        <caption class="hidden">Metadata</caption>
        <thead>
          <tr>
            <th>Name</th>
            <th>Value</th>
            <th class="num">Attempt</th>
          </tr>
        </thead>
        <tbody>
          {res.data.metadata.map((m) => (
            <tr>
              <td>{marked(m.name)}</td>
              <td class="mono" style={{ overflowWrap: "anywhere" }}>
                {marked(m.value)}
              </td>
              <td class="num">{number(m.attempt + 1)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
