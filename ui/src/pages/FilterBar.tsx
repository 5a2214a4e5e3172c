// What of the runs is to be shown.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Flow, Run } from "../api";
import { useGet, useMedia } from "../components/hooks";
import { Popover } from "../components/Popover";
import { Value } from "../components/Value";
import { visible } from "../format";
import { navigate, setQuery } from "../router";
import { type Filters, groups, isFiltered, onePerName, spans, statuses } from "./filters";

export function FilterBar({ f, runs, search }: { f: Filters; runs: Run[]; search: preact.RefObject<HTMLInputElement | null> }) {
  const narrow = useMedia("(max-width: 640px)");
  const [open, setOpen] = useState(false);
  const chosen = [f.flow, f.status, f.user, f.since || f.from || f.to, ...f.tags, ...f.parameters].filter(Boolean).length;
  return (
    <>
      <form class="filters" role="search" onSubmit={(e) => e.preventDefault()}>
        <SearchField value={f.q} field={search} />
        {narrow ? (
          <button class="button" type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
            Filters{chosen ? ` (${chosen})` : ""} <span aria-hidden="true">{open ? "▴" : "▾"}</span>
          </button>
        ) : null}
        {!narrow || open ? <Choices f={f} runs={runs} /> : null}
      </form>
      {isFiltered(f) ? <Chosen f={f} /> : null}
    </>
  );
}

// The address changes a moment after the last key, so that each letter is not a question.
function SearchField({ value, field }: { value: string; field: preact.RefObject<HTMLInputElement | null> }) {
  const [text, setText] = useState(value);
  const timer = useRef(0);
  const told = useRef(value);
  useEffect(() => {
    if (value !== told.current) setText(value); // by the back button, or "Clear filters"
    told.current = value;
  }, [value]);
  const tell = (next: string) => {
    clearTimeout(timer.current);
    if (next === told.current) return;
    told.current = next;
    setQuery({ q: next });
  };
  return (
    <input
      ref={field}
      class="input search"
      type="search"
      placeholder="Search: id, flow, user, tag, parameter value"
      aria-label="Search runs"
      aria-keyshortcuts="/"
      spellcheck={false}
      value={text}
      onInput={(e) => {
        const next = e.currentTarget.value;
        setText(next);
        clearTimeout(timer.current);
        timer.current = window.setTimeout(() => tell(next), 120);
      }}
      onBlur={(e) => tell(e.currentTarget.value)} // before another filter is chosen
    />
  );
}

function Choices({ f, runs }: { f: Filters; runs: Run[] }) {
  const flows = useGet<{ flows: Flow[] }>("/flows");
  const names = useGet<{ users: string[]; tags: string[] }>("/names");
  const sorted = (list: string[]) => [...new Set(list)].filter(Boolean).sort();
  return (
    <>
      <Choice label="Flow" all="all flows" value={f.flow} name="flow" options={(flows.data?.flows ?? []).map((x) => [x.name, x.name])} />
      <Choice label="Status" all="any status" value={f.status} name="status" options={statuses.map((s) => [s, s])} />
      <Choice label="User" all="all users" value={f.user} name="user" options={sorted([...(names.data?.users ?? []), ...runs.map((r) => r.user)]).map((u) => [u, u])} />
      <Popover text="Tags" active={f.tags.length > 0}>
        {() => <Several name="tag" hint="a tag" chosen={f.tags} known={sorted([...(names.data?.tags ?? []), ...runs.flatMap((r) => r.tags)])} right={() => true} />}
      </Popover>
      <Popover text="Parameters" active={f.parameters.length > 0}>
        {() => <Parameters f={f} runs={runs} />}
      </Popover>
      <Popover text="Time" active={timeOf(f) !== ""}>
        {(close) => <Time f={f} close={close} />}
      </Popover>
      <Choice label="Group" all="not grouped" value={f.group} name="group" options={groups} />
    </>
  );
}

const newest = 200;

// Parameters have too many values to ask for all: those of the newest runs can be chosen, whatever the other filters are, and of the runs that are loaded.
function Parameters({ f, runs }: { f: Filters; runs: Run[] }) {
  const more = useGet<{ runs: Run[] }>("/runs", { flow: f.flow, limit: newest });
  const values = [...runs, ...(more.data?.runs ?? [])].flatMap((r) => Object.entries(r.parameters ?? {}).flatMap(([name, v]) => (v.length < 80 ? [`${name}=${v}`] : [])));
  return <Several name="parameter" hint="name=value" chosen={f.parameters} known={[...new Set(values)].sort()} tidy={onePerName} right={(text) => text.indexOf("=") > 0} />;
}

function Choice({ label, all, value, name, options }: { label: string; all: string; value: string; name: string; options: [string, string][] }) {
  const known = !value || options.some(([v]) => v === value);
  return (
    <select class="input" aria-label={label} value={value} onChange={(e) => setQuery({ [name]: e.currentTarget.value }, false)}>
      <option value="">{all}</option>
      {known ? null : <option value={value}>{visible(value)}</option>}
      {options.map(([v, text]) => (
        <option value={v}>{visible(text)}</option>
      ))}
    </select>
  );
}

const mostShown = 200;

// Several of a kind that must all hold: ticked, or typed.
interface SeveralProps {
  name: string;
  hint: string;
  chosen: string[];
  known: string[];
  right: (text: string) => boolean; // whether what was typed can be chosen
  tidy?: (chosen: string[]) => string[];
}

function Several({ name, hint, chosen, known, right, tidy = (list) => list }: SeveralProps) {
  const [text, setText] = useState("");
  const typed = text.trim();
  const choose = (list: string[]) => setQuery({ [name]: tidy(list) }, false);
  const shown = [...new Set([...chosen, ...known])].filter((v) => v.toLowerCase().includes(typed.toLowerCase())).slice(0, mostShown);
  const take = () => {
    if (!typed || !right(typed)) return;
    choose([...new Set([...chosen, typed])]);
    setText("");
  };
  return (
    <div class="several">
      <input
        class="input"
        aria-label={`Find, or type ${hint} and press Enter`}
        placeholder={hint}
        spellcheck={false}
        value={text}
        onInput={(e) => setText(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key !== "Enter") return;
          e.preventDefault();
          take();
        }}
      />
      <div class="options">
        {shown.map((v) => (
          <label key={v}>
            <input type="checkbox" checked={chosen.includes(v)} onChange={() => choose(chosen.includes(v) ? chosen.filter((o) => o !== v) : [...chosen, v])} />
            <span class="cut">
              <Value of={v} />
            </span>
          </label>
        ))}
      </div>
      {shown.length === 0 ? <p class="muted">{typed && right(typed) ? "Press Enter to use this text." : `Nothing matches. Type ${hint} and press Enter.`}</p> : null}
    </div>
  );
}

function Time({ f, close }: { f: Filters; close: () => void }) {
  const choose = (value: string) => setQuery({ since: value, from: "", to: "" }, false);
  // Arrows go from one to the next, which is a choice too, and then the panel stays; a click, or Enter, closes it.
  const radio = (value: string, text: string) => (
    <label
      key={value}
      onClick={(e) => {
        if (e.detail === 0) return; // made by a key
        choose(value);
        close();
      }}
      onKeyDown={(e) => {
        if (e.key !== "Enter") return;
        e.preventDefault();
        close();
      }}
    >
      <input type="radio" name="since" checked={f.since === value && !f.from && !f.to} onChange={() => choose(value)} />
      {text}
    </label>
  );
  const day = (name: "from" | "to") => (
    <label class="day">
      {name}
      <input class="input" type="date" value={f[name]} onChange={(e) => setQuery({ since: "", [name]: e.currentTarget.value }, false)} />
    </label>
  );
  return (
    <div class="several">
      <div class="options" role="radiogroup" aria-label="Started">
        {radio("", "any time")}
        {spans.map(([value, text]) => radio(value, text))}
      </div>
      {day("from")}
      {day("to")}
    </div>
  );
}

function timeOf(f: Filters): string {
  const span = spans.find(([name]) => name === f.since);
  return span ? span[1] : [f.from && `from ${f.from}`, f.to && `to ${f.to}`].filter(Boolean).join(" ");
}

function Chosen({ f }: { f: Filters }) {
  const one = (text: string, change: Parameters<typeof setQuery>[0]) => (
    <Removable key={text} text={text} remove={() => setQuery(change, false)} />
  );
  return (
    <div class="row chosen-filters">
      {f.tags.map((t) => one(t, { tag: f.tags.filter((o) => o !== t) }))}
      {f.parameters.map((p) => one(p.replace("=", " = "), { parameter: f.parameters.filter((o) => o !== p) }))}
      {timeOf(f) ? one(timeOf(f), { since: "", from: "", to: "" }) : null}
      <button class="button plain" type="button" onClick={() => navigate(f.group ? `/?group=${f.group}` : "/")}>
        Clear filters
      </button>
    </div>
  );
}

function Removable({ text, remove }: { text: string; remove: () => void }) {
  return (
    <span class="tag">
      <span class="cut" title={visible(text)}>
        <Value of={text} />
      </span>
      <button type="button" aria-label={`Remove the filter ${visible(text)}`} onClick={remove}>
        ×
      </button>
    </span>
  );
}
