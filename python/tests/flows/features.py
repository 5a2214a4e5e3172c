"""One flow with a step for each thing that a task can do. Tests call its steps one by one."""

from metaflow import (
    FlowSpec,
    IncludeFile,
    JSONType,
    Parameter,
    card,
    current,
    environment,
    kubernetes,
    parallel,
    project,
    resources,
    retry,
    schedule,
    step,
)

IMPORTED = current.flow_name
SEEN = []


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x


def context(ctx):
    return "%s/%s/%s/%s" % (ctx.flow_name, ctx.user_name, ctx.parameter_name, ctx.ds_type)


@schedule(daily=True)
@project(name="proj")
class Features(FlowSpec):
    """Flow doc.

    More.
    """

    alpha = Parameter("alpha", default=0.5, help="a help")
    number = Parameter("i", type=int)
    flag = Parameter("b", default=False)
    data = Parameter("data", type=JSONType, default=[1, {"a": 2}])
    words = Parameter("words", separator=",", default="x,y")
    who = Parameter("who", default=context)
    text = IncludeFile("text")
    CONST = {"k": [1]}
    LIMIT = 3
    _private = 7

    @step
    def start(self):
        """Step doc."""
        self.a = 1
        self.point = Point(4)
        self.fn = lambda: 3
        self._hidden = 2
        self.next(self.middle)

    @retry(times=2)
    @resources(memory=100)
    @card(type="blank")
    @card
    @kubernetes(cpu=3)
    @environment(vars={"A": "1"})
    @step
    def middle(self):
        self.next(self.one, self.two)

    @step
    def one(self):
        self.next(self.both)

    @step
    def two(self):
        self.next(self.both)

    @step
    def both(self, inputs):
        self.next(self.fan)

    @step
    def fan(self):
        self.items = [10, 20, 30]
        self.next(self.body, foreach="items")

    @step
    def body(self):
        self.got = (self.input, self.index, self.foreach_stack(), str(self))
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.out = [i.got for i in inputs]
        self.stack = (self.input, self.index, self.foreach_stack())
        self.next(self.choose)

    @step
    def choose(self):
        self.next({"x": self.left, 2: self.right, -3: self.choose}, condition="choice")

    @step
    def left(self):
        self.next(self.gang)

    @step
    def right(self):
        self.next(self.gang)

    @step
    def gang(self):
        self.next(self.node, num_parallel=3)

    @parallel
    @step
    def node(self):
        self.seen = (tuple(current.parallel), current.is_parallel, self.index, self.input, self.foreach_stack())
        self.next(self.ungang)

    @step
    def ungang(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Features()
