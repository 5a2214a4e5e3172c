"""Tasks that wait until they are told to end, each in its own way. They tell when they are ready, and leave a file if they
could clean up.
"""

import os
import signal
import time

from levada import FlowSpec, step

HOW = os.environ.get("HOW", "gentle")

if HOW == "import":
    print("importing", flush=True)
    time.sleep(1000)


class WaitingFlow(FlowSpec):
    @step
    def start(self):
        self.numbers = [0, 1]
        self.next(self.wait, foreach="numbers")

    @step
    def wait(self):
        if HOW == "deaf":
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
        if HOW == "children":
            os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "1000")
        try:
            print("ready", flush=True)
            if HOW != "not at all":
                time.sleep(1000)
        finally:
            with open(os.environ["TRACE"] + "-cleaned-%d" % self.input, "w"):
                pass
        self.next(self.join)

    @step
    def join(self, inputs):
        self.done = len(inputs)
        self.next(self.end)

    @step
    def end(self):
        print("done", self.done)


if __name__ == "__main__":
    WaitingFlow()
