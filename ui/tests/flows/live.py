"""A card that says what the test tells it while its task runs."""

import os
import time

from metaflow import FlowSpec, Parameter, card, current, step
from metaflow.cards import Markdown


class LiveFlow(FlowSpec):
    says = Parameter("says", help="A file with what the card says; the task ends when it says end")

    @card(type="blank", id="progress")
    @step
    def start(self):
        text = Markdown("# waiting")
        current.card["progress"].append(text)
        current.card["progress"].append(Markdown("\n\n".join("line %d" % i for i in range(200))))
        current.card["progress"].refresh()
        said = ""
        while said != "end":
            time.sleep(0.1)
            now = open(self.says).read() if os.path.exists(self.says) else ""
            if now != said:
                said = now
                text.update("# " + said)
                current.card["progress"].refresh(force=True)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    LiveFlow()
