// Why an attempt did not succeed.

import type { Attempt, Run } from "../api";
import { marked } from "../components/Value";
import { ofSignal } from "../format";
import { unstacked } from "../run/trace";
import { Message, Traceback } from "../run/Traceback";

export function Failed({ at, run, of }: { at: Attempt; run: number; of: Run | undefined }) {
  if (at.status !== "failed" && at.status !== "killed" && at.status !== "died" && at.status !== "caught") return null;
  const e = at.exception;
  const killed = at.status === "killed";
  const why =
    at.status === "died" ? (
      <>
        <a href={`/runs/${run}`}>Its run</a> died while it ran.
      </>
    ) : killed ? (
      <>
        It was ended with <a href={`/runs/${run}`}>its run</a>
        {of?.status === "interrupted" ? ", which was cancelled or interrupted." : of?.status === "failed" ? ", which had failed." : "."}
      </>
    ) : at.signal ? (
      `It was ended by ${ofSignal(at.signal)}.`
    ) : at.exit_code ? (
      `Its process ended with exit code ${at.exit_code}.`
    ) : (
      ""
    );
  return (
    <section class={`note ${at.status === "caught" ? "caught" : killed ? "warn" : "fail"}`} aria-label="What went wrong">
      {killed ? <div>{why}</div> : null}
      <strong>{e ? marked(e.type) : killed ? null : why}</strong>
      {at.status === "caught" ? <span class="muted"> It was caught, so the run went on.</span> : null}
      {e ? <Message text={unstacked(e.message, e.traceback)} /> : null}
      {e?.traceback ? <Traceback text={e.traceback} said={e.message} folder={of?.working_dir ?? ""} {...(of ? { run: of } : {})} /> : null}
    </section>
  );
}
