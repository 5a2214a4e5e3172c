// What one can do with a run.

import { useState } from "preact/hooks";
import { canResume, isOurs, type Run, send } from "../api";
import { Dialog, Failure, toast, toastError } from "../components/basic";
import { navigate } from "../router";

interface Props {
  run: Run;
  steps: string[]; // at which it may be resumed
  gone: boolean; // it was removed
  cancelled: () => void;
}

export function Actions({ run: r, steps, gone, cancelled }: Props) {
  const [dialog, setDialog] = useState<"" | "cancel" | "resume">("");
  const close = () => setDialog("");
  const live = r.status === "running";
  return (
    <>
      <div class="row">
        <a class="button" href={`/flows/${encodeURIComponent(r.flow)}/metrics`}>
          Metrics
        </a>
        {live && isOurs(r) && !gone ? (
          <button class="button danger" type="button" onClick={() => setDialog("cancel")}>
            Cancel
          </button>
        ) : null}
        {!live && canResume(r) && !gone ? (
          <button class="button" type="button" onClick={() => setDialog("resume")}>
            Resume
          </button>
        ) : null}
      </div>
      {dialog === "cancel" ? <Cancel run={r} cancelled={cancelled} close={close} /> : null}
      {dialog === "resume" ? <Resume run={r} steps={steps} close={close} /> : null}
    </>
  );
}

function Cancel({ run: r, cancelled, close }: { run: Run; cancelled: () => void; close: () => void }) {
  const go = () => {
    close();
    cancelled();
    send("POST", `/runs/${r.id}/cancel`, {}).then(() => toast("The run is being cancelled"), toastError);
  };
  return (
    <Dialog title={`Cancel run ${r.id}?`} close={close}>
      <p>Its tasks are stopped, as by Ctrl-C. Finished tasks are kept, and you can resume the run.</p>
      <div class="row">
        <button class="button danger" type="button" onClick={go}>
          Cancel the run
        </button>
        <button class="button" type="button" onClick={close}>
          Keep it running
        </button>
      </div>
    </Dialog>
  );
}

function Resume({ run: r, steps, close }: { run: Run; steps: string[]; close: () => void }) {
  const [step, setStep] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const go = () => {
    setBusy(true);
    setError(undefined);
    send<{ run: number }>("POST", `/runs/${r.id}/resume`, { step })
      .then((res) => {
        close();
        toast(`Run ${res.run} has started`);
        navigate(`/runs/${res.run}`);
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <Dialog title={`Resume run ${r.id}`} close={close}>
      <p>A new run takes over the finished tasks and runs the rest, with the code as it is now in {r.working_dir}.</p>
      <p>
        <label>
          What to run:{" "}
          <select class="input" value={step} onChange={(e) => setStep(e.currentTarget.value)}>
            <option value="">only what is not finished</option>
            {steps.map((s) => (
              <option value={s}>{s} and all steps after it</option>
            ))}
          </select>
        </label>
      </p>
      {error ? <Failure error={error} /> : null}
      <div class="row" style={{ marginTop: "0.8rem" }}>
        <button class="button primary" type="button" disabled={busy} onClick={go}>
          {busy ? "Starting…" : "Resume"}
        </button>
        <button class="button" type="button" onClick={close}>
          Cancel
        </button>
      </div>
    </Dialog>
  );
}
