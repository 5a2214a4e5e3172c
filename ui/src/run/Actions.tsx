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
    send("POST", `/runs/${r.id}/cancel`, {}).then(() => toast("The run was asked to end"), toastError);
  };
  return (
    <Dialog title={`Cancel run ${r.id}?`} close={close}>
      <p>Its tasks are asked to end, as with Ctrl-C. What is finished is kept; the run can be resumed.</p>
      <div class="row">
        <button class="button danger" type="button" onClick={go}>
          Cancel it
        </button>
        <button class="button" type="button" onClick={close}>
          Leave it running
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
        toast(`Run ${res.run} goes on`);
        navigate(`/runs/${res.run}`);
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <Dialog title={`Resume run ${r.id}`} close={close}>
      <p>A new run takes over what is finished and runs what is left, with the code as it is now in {r.working_dir}.</p>
      <p>
        <label>
          Begin at{" "}
          <select class="input" value={step} onChange={(e) => setStep(e.currentTarget.value)}>
            <option value="">what is left</option>
            {steps.map((s) => (
              <option value={s}>{s}, and all after it</option>
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
