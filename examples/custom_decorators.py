"""Decorators of one's own: code around a step, a step that is left out, and a mutator that decorates the whole flow.

The decorators work on any flow: put them into a module and import them, or name them on the command line,
`--with my_module.timed`.
"""

import time

from metaflow import USER_SKIP_STEP, FlowMutator, FlowSpec, Parameter, StepMutator, retry, step, user_step_decorator


@user_step_decorator
def timed(step_name, flow, inputs, attributes):
    """Keep how long the step took, as an artifact."""
    begin = time.perf_counter()
    yield
    flow.seconds = time.perf_counter() - begin
    print(f"{step_name} took {'less' if flow.seconds < attributes.get('limit', 60) else 'more'} than it may")


@user_step_decorator
def unless(step_name, flow, inputs, attributes):
    """Leave the step out when an artifact or parameter says so."""
    if getattr(flow, attributes["flag"]):
        print(f"{step_name} is left out")
        yield USER_SKIP_STEP
    else:
        yield


class tracked(StepMutator):  # noqa: N801
    """Add a retry and the timer, unless the step has its own."""

    def init(self, limit):
        self.limit = limit

    def mutate(self, mutable_step):
        mutable_step.add_decorator(retry, deco_kwargs={"times": 1, "minutes_between_retries": 0})
        mutable_step.add_decorator(timed, deco_kwargs={"limit": self.limit})


class reviewed(FlowMutator):  # noqa: N801
    """Give the flow a parameter, and leave its step `report` out if the parameter is set."""

    def pre_mutate(self, mutable_flow):
        mutable_flow.add_parameter("quiet", Parameter("quiet", default=False, help="no report"))
        mutable_flow.report.add_decorator(unless, deco_kwargs={"flag": "quiet"})


@reviewed
class CustomDecoratorsFlow(FlowSpec):
    """Count words, with decorators that know nothing of words."""

    @tracked(limit=30)
    @step
    def start(self):
        text = "the rain in spain stays mainly in the plain"
        self.counts = {word: text.split().count(word) for word in set(text.split())}
        self.next(self.report)

    @step
    def report(self):
        print("most often:", max(sorted(self.counts), key=self.counts.get))
        self.next(self.end)

    @step
    def end(self):
        print(len(self.counts), "words,", "timed" if self.seconds >= 0 else "not timed")


if __name__ == "__main__":
    CustomDecoratorsFlow()
