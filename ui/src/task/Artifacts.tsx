// What an attempt stored, each value with a preview.

import { useEffect, useRef } from "preact/hooks";
import { address, type Artifact, type Preview } from "../api";
import { Failure, Skeleton } from "../components/basic";
import { type Loaded, useAgain, useGet } from "../components/hooks";
import { marked, Value } from "../components/Value";
import { bytes } from "../format";
import { setQuery, useAddress } from "../router";
import { oneLine, PreviewView } from "./PreviewView";

type Stored = Pick<Loaded<Artifact[]>, "data" | "error" | "again">;

// useArtifacts asks what an attempt stored, if that is wanted, and again with another version.
export function useArtifacts(path: string, attempt: string | null, wanted: boolean, version: number | undefined): Stored {
  const res = useGet<{ artifacts: Artifact[] }>(wanted ? `${path}/artifacts` : undefined, { attempt: attempt ?? undefined });
  useAgain(res.again, version);
  return { ...res, data: res.data?.artifacts.filter((a) => !a.name.startsWith("_")) };
}

export function Artifacts({ path, attempt, stored }: { path: string; attempt: string | null; stored: Stored }) {
  const list = stored.data;
  const shown = useAddress().searchParams.get("artifact") ?? "";
  if (stored.error) return <Failure error={stored.error} retry={stored.again} />;
  if (!list) return <Skeleton />;
  if (list.length === 0) {
    return (
      <div class="empty panel">
        <h2>No artifacts</h2>
        <p>What a step assigns to self appears here when the step has ended.</p>
      </div>
    );
  }
  return (
    <section class="panel scroll" style={{ padding: 0 }}>
      <table class="grid artifacts">
        <caption class="hidden">Artifacts</caption>
        <thead>
          <tr>
            <th class="name">Name</th>
            <th>Value</th>
            <th class="wide type">Type</th>
            <th class="num wide size">Size</th>
            <th class="get">
              <span class="hidden">Download</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {list.map((a) => (
            <ArtifactRow key={a.name} a={a} path={`${path}/artifacts/${encodeURIComponent(a.name)}`} attempt={attempt} open={shown === a.name} toggle={() => setQuery({ artifact: shown === a.name ? undefined : a.name })} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function ArtifactRow({ a, path, attempt, open, toggle }: { a: Artifact; path: string; attempt: string | null; open: boolean; toggle: () => void }) {
  const small = a.size <= 256 << 10 || open;
  const p = useGet<Preview>(small ? `${path}/preview` : undefined, { attempt: attempt ?? undefined });
  // What the address names is brought into sight, once it is there.
  const row = useRef<HTMLTableRowElement>(null);
  const clicked = useRef(false);
  useEffect(() => {
    if (open && p.data && !clicked.current) row.current?.scrollIntoView();
  }, [open && !!p.data]);
  return (
    <>
      <tr ref={row}>
        <td>
          <button class="button plain" type="button" aria-expanded={open}
            onClick={() => {
              clicked.current = true;
              toggle();
            }}
            style={{ fontWeight: 600, paddingLeft: 0 }}>
            <span aria-hidden="true">{open ? "▾" : "▸"}</span> <Value of={a.name} />
          </button>
        </td>
        <td>
          <div class={small && !p.error ? "clip mono" : "clip muted"}>{p.data ? <Value of={oneLine(p.data)} written={p.data.kind !== "text"} /> : p.error ? "cannot be shown" : small ? "…" : `${bytes(a.size)}, not loaded`}</div>
        </td>
        <td class="wide mono">{marked(a.type)}</td>
        <td class="num wide">{bytes(a.size)}</td>
        <td>
          <a href={address(path.replace("/api/v1", ""), { attempt: attempt ?? undefined })} download aria-label={`Download ${a.name}`}>
            ⤓
          </a>
        </td>
      </tr>
      {open ? (
        <tr class="opened">
          <td colSpan={5}>{p.error ? <Failure error={p.error} /> : p.data ? <PreviewView p={p.data} path={path} /> : <Skeleton lines={3} />}</td>
        </tr>
      ) : null}
    </>
  );
}
