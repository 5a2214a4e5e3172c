// Why an attempt did not succeed.

import type { Attempt, Run } from "../api";
import { marked } from "../components/Value";
import { ofSignal } from "../format";
import { Message, Traceback } from "../run/Traceback";

export function Failed({ at, run, of }: { at: Attempt; run: number; of: Run | undefined }) {
  if (at.status !== "failed" && at.status !== "killed" && at.status !== "died" && at.status !== "caught") return null;
  const e = at.exception;
  const why =
    at.status === "died" ? (
      <>
        <a href={`/runs/${run}`}>Its run</a> died while it ran.
      </>
    ) : at.signal ? (
      `It was ended by ${ofSignal(at.signal)}.`
    ) : at.exit_code ? (
      `Its process ended with exit code ${at.exit_code}.`
    ) : (
      ""
    );
  return (
    <section class={`note ${at.status === "caught" ? "caught" : "fail"}`} aria-label="What went wrong">
      <strong>{e ? marked(e.type.replace(/^builtins\./, "")) : why}</strong>
      {at.status === "caught" ? <span class="muted"> It was caught, so the run went on.</span> : null}
      {e ? <Message text={e.message} /> : null}
      {e?.traceback ? <Traceback text={e.traceback} said={e.message} folder={of?.working_dir ?? ""} {...(of ? { run: of } : {})} /> : null}
    </section>
  );
}
