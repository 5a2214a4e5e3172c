// Why a run did not succeed.

import { canResume, isOurs, type Run, type Task } from "../api";
import { Copy } from "../components/basic";
import { useGet } from "../components/hooks";
import { exact, number, ofSignal, visible } from "../format";
import type { List } from "../pages/list";
import { unstacked } from "./trace";
import { Message, Traceback } from "./Traceback";

// Why says it before all else: what failed first, or what ended the run from outside.
export function Why({ run: r }: { run: Run }) {
  return (
    <>
      {r.status === "interrupted" ? <Interrupted run={r} /> : null}
      {r.failed_task >= 0 ? <FirstFailure run={r} /> : r.problem && r.status !== "succeeded" && r.status !== "interrupted" ? (
        <div class="note fail">
          <Message text={r.problem} />
        </div>
      ) : null}
      {r.status === "died" ? <Died run={r} /> : null}
    </>
  );
}

function FirstFailure({ run: r }: { run: Run }) {
  const task = useGet<Task>(`/runs/${r.id}/tasks/${r.failed_task}`);
  const at = task.data?.attempts.at(-1);
  const others = (r.tasks?.failed ?? 0) - 1;
  return (
    <section class="note fail" aria-label="Why it failed">
      <div class="row spread">
        <strong class="what">
          {task.data ? (
            <a href={`/runs/${r.id}/tasks/${r.failed_task}`}>
              {task.data.step}/{r.failed_task}
            </a>
          ) : (
            `task ${r.failed_task}`
          )}
          {task.data ? <Copy text={`${r.id}/${task.data.step}/${r.failed_task}`} what="the task for a command" /> : null} failed
          {task.data && task.data.attempts.length > 1 ? ` ${task.data.attempts.length} times` : ""}
          {at?.exception ? `: ${visible(at.exception.type)}` : at?.signal ? `: ended by ${ofSignal(at.signal)}` : at?.exit_code ? `: its process ended with exit code ${at.exit_code}` : ""}
        </strong>
        <div class="row">
          <a class="button" href={`/runs/${r.id}/tasks/${r.failed_task}`}>
            Open the log
          </a>
          <WorkedBefore run={r} />
        </div>
      </div>
      {at?.exception ? (
        <>
          <Message text={unstacked(at.exception.message, at.exception.traceback)} />
          {at.exception.traceback ? <Traceback text={at.exception.traceback} said={at.exception.message} folder={r.working_dir} run={r} /> : null}
        </>
      ) : r.problem && !at?.signal && !at?.exit_code ? (
        <Message text={r.problem} />
      ) : null}
      {others > 0 ? (
        <p style={{ margin: "0.5rem 0 0" }}>
          and <a href={`/runs/${r.id}?tab=tasks&status=failed`}>{others === 1 ? "one more failed task" : `${number(others)} more failed tasks`}</a>
        </p>
      ) : null}
    </section>
  );
}

// WorkedBefore leads to what is not as it was when the flow last succeeded.
function WorkedBefore({ run: r }: { run: Run }) {
  const found = useGet<List>("/runs", { flow: r.flow, status: "succeeded", before: r.created, limit: 1 });
  const good = found.data?.runs[0];
  if (!good) return null;
  return (
    <a class="button" href={`/compare?run=${good.id}&run=${r.id}&only=differences`} title={`Run ${good.id} is the last one of this flow that succeeded before`}>
      What differs from run {good.id}, which succeeded
    </a>
  );
}

function Interrupted({ run: r }: { run: Run }) {
  return (
    <div class="note warn">
      {r.stop_asked ? (
        <>
          The run was cancelled on a web page or by <code>levada cancel</code>, at {exact(r.stop_asked)}.
        </>
      ) : (
        "The run was interrupted where it ran: by Ctrl-C, or because its terminal was closed."
      )}
      {canResume(r) ? " Finished tasks are kept. Resume the run to continue." : " Finished tasks are kept."}
    </div>
  );
}

function Died({ run: r }: { run: Run }) {
  if (!isOurs(r)) {
    return (
      <div class="note fail">
        Metaflow ran it and is no longer heard from: its process is gone, or does not reach this server. What was recorded is kept. Resume it where
        it ran: <code>python {r.flow_file || "FLOW.py"} resume --origin-run-id {r.id}</code>
      </div>
    );
  }
  return (
    <div class="note fail">
      The process of the run is gone. It ended without notice, as after a power cut or <code>kill -9</code>.
      {canResume(r) ? " Finished tasks are kept. Resume the run to continue." : " What was recorded is kept."}
    </div>
  );
}
