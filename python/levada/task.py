"""One attempt of one task: the conversation with the host around a call of the user's step.

This runs in a fresh fork, hundreds of times a second, so it does little, imports nothing on the way of success, and
asks the host for nothing that the step does not use. What costs there is memory that is written to for the first time,
for it has to be copied, and in Python every use of an object or a function writes to it. So what most tasks do has a
short way that touches few of them; the general one does the same for all.
"""

import sys
from _pickle import dumps, loads
from _signal import ITIMER_REAL, SIGALRM, setitimer, signal
from os import environ, getpid

from . import running
from .artifacts import BEHAVIOUR, Loaded, Staging, pack_changed, pack_items, unpack
from .elements import Elements, each
from .exceptions import METAFLOW_EXIT_DISALLOW_RETRY
from .inputs import Inputs, merge_artifacts, title
from .transition import Transition, decide
from .wire import Channel, ConversationEnded, pack_frame

_VALUE_CHARS = 30
_REPR_BYTES = 4096
_UNSET = object()
#: Types of values that the short form of a done frame has, with their names in it.
_PLAIN = {int: "int", float: "float", bool: "bool", type(None): "NoneType"}
#: Fields of a first frame that ask for more than to call the step.
_UNUSUAL = frozenset(("fallback", "timeout", "cgroup", "with", "spin", "parallel", "environment"))
#: After so many seconds the alarm of a timeout comes again. Python sees one that comes right before it begins to wait,
#: in a sleep for instance, only when it has waited, or when the next one comes.
_AGAIN = 0.1
_ENTRY = '{"name":"%s","codec":"pickle","type":"%s","size":%d,"length":%d}'


class Task:
    """The task that this process runs: what ``flow._levada`` is while a step runs."""

    __slots__ = ("flow", "plans", "plan", "channel", "loaded", "transition", "stack", "interrupted",
                 "_frame", "_context", "_staging", "_absent", "_item", "_items", "_shared", "_graph", "_simple",
                 "_at_hand", "_elements")  # fmt: skip

    def __init__(self, flow, plans, channel, frame, body, context=None):
        self.flow = flow
        self.plans = plans
        self.plan = plans.steps[frame["step"]]
        self.channel = channel
        self._frame = frame
        self._context = context
        self.stack = frame.get("stack") or ()
        self.loaded = {}
        self.transition = None
        #: When it was asked to end. A KeyboardInterrupt that the step's own code raises is a failure like any other.
        self.interrupted = 0.0
        self._staging = None
        self._absent = ()
        self._item = body
        self._items = {}
        self._elements = None
        self._shared = {}
        self._graph = None
        plan = self.plan
        #: Nothing has to be done but to call the step.
        self._simple = (
            plan.catch is None and plan.timeout is None and plan.cards is None and not plan.is_join
            and _UNUSUAL.isdisjoint(frame) and (context is None or "with" not in context)
        )  # fmt: skip
        item = frame.get("item")
        #: The innermost element has come with the frame.
        self._at_hand = (
            item is not None and item.get("inline") and item.get("codec") == "pickle"
            and self.stack and not self.stack[-1].get("gang") and not self.stack[-1].get("own")
        )  # fmt: skip

    @property
    def frame(self):
        """What the host said of the task: the fields of its first frame, and those that the run's tasks share."""
        if self._context:
            self._frame = {**self._context, **self._frame}
            self._context = None
        return self._frame

    @property
    def staging(self):
        """The folder for large values."""
        if self._staging is None:
            frame = self.frame
            name = "%s-%d" % (frame["task"], frame["attempt"])
            self._staging = Staging(frame.get("staging"), name, frame.get("inline_limit", 1 << 18))
        return self._staging

    # What the flow's attributes come from.

    def load(self, flow, name):
        """The inherited artifact ``name``; it becomes an attribute of the flow. AttributeError if there is none."""
        if name not in self._absent:
            reply, body = self.channel.ask({"type": "get", "name": name})
            if reply["found"]:
                value = unpack(name, reply, body)
                data = body if reply.get("codec") == "pickle" else b""
                if self._elements is not None:
                    value = self._elements.take_their_places(name, value)
                self.loaded[name] = Loaded(value, reply.get("hash"), reply.get("size", 0), data)
                flow.__dict__[name] = value
                return value
            self._absent = {*self._absent, name}
        raise AttributeError("Flow %s has no attribute '%s'" % (type(flow).__name__, name))

    def parameter(self, attribute, parameter):
        """The value of a parameter."""
        value = self._shared.get(attribute, _UNSET)
        if value is _UNSET:
            reply, body = self.channel.ask({"type": "get", "name": attribute})
            if reply["found"]:
                value = unpack(attribute, reply, body, getattr(parameter, "decode", None))
            else:
                value = parameter.value_without()
            self._shared[attribute] = value
        return value

    def names(self):
        """The names of all inherited artifacts."""
        return self.channel.ask({"type": "names"})[0].get("names") or []

    def replace(self, attribute, value):
        """Let a parameter have another value in this task."""
        self._shared[attribute] = value

    def merge(self, flow, inputs, exclude, include):
        """Take over what the inputs of a join agree about."""
        merge_artifacts(flow, self, inputs, exclude, include)
        self._absent = ()  # what was not there may be now

    def graph(self):
        """The flow as ``_graph_info`` has it."""
        if self._graph is None:
            self._graph = self.channel.ask({"type": "graph"})[0]["graph"]
        return self._graph

    # Where the task stands in its foreaches.

    def index(self):
        """The index in the innermost foreach, or None."""
        return self.stack[-1]["index"] if self.stack else None

    def item(self, level=-1):
        """The element of a foreach around the task, or None."""
        if level == -1 and self._at_hand:
            items = self._items
            if -1 not in items:
                if self.stack[-1].get("var") in self.flow.__dict__:
                    self._at_hand = False
                    return self.item()
                try:
                    value = items[-1] = items[len(self.stack) - 1] = loads(self._item)
                except Exception:
                    self._at_hand = False
                    return self.item()  # which says what is wrong
                if type(value) not in _PLAIN:
                    self.elements.remember(len(self.stack) - 1, value, self._item)
            return items[-1]
        if not self.stack:
            return None
        level %= len(self.stack)
        if self.stack[level].get("gang"):
            return self.stack[level]["index"]
        if level not in self._items:
            self._items[level] = self._fetch_item(level)
        return self._items[level]

    @property
    def elements(self):
        """What the step may do to its elements."""
        if self._elements is None:
            self._elements = Elements(self)
        return self._elements

    def _fetch_item(self, level):
        found, value = self.elements.of_own_list(level)
        if found:
            return value
        described, data = self.frame.get("item"), self._item
        if level != len(self.stack) - 1 or described is not None and not described.get("inline"):
            described, data = self.channel.ask({"type": "get_item", "level": level})
        if described is None or not described.get("found", True):
            return None
        value = unpack("%s[%d]" % (self.stack[level].get("var"), self.stack[level]["index"]), described, data)
        self.elements.remember(level, value, data if described.get("codec") == "pickle" else b"")
        return value

    def foreach_stack(self):
        """The frames around the task as tuples of index, number and element."""
        return [
            (frame["index"], None if frame.get("gang") else frame["count"], self.item(level))
            for level, frame in enumerate(self.stack)
        ]

    def _short_value(self):
        """The element of the innermost foreach in at most 30 characters, or None if it is not at hand."""
        if not self.stack or self.frame.get("join"):
            return None
        item = self.frame.get("item") or {}
        level = len(self.stack) - 1
        if level not in self._items and not item.get("inline") and not self.stack[level].get("gang"):
            return None
        try:
            value = self.item()
            if isinstance(value, (str, int, float, bool)):
                return str(value)[:_VALUE_CHARS]
            if len(self._item) > _REPR_BYTES:
                return "<%s>" % type(value).__name__[: _VALUE_CHARS - 2]
            return repr(value)[:_VALUE_CHARS]
        except Exception:
            return None

    def title(self):
        """The task for people."""
        return title(self.flow, self.plan.name, [frame["index"] for frame in self.stack], self.item)

    # The attempt.

    def next(self, flow, targets, keywords):
        """Take down which steps follow."""
        self.transition = decide(flow, self, targets, keywords)

    def run(self):
        """Run the attempt and tell the host how it ended; return the exit code."""
        flow = self.flow
        pid = self.channel.pid
        flow._levada = self
        running.enter(self)
        done = {"type": "done", "ok": True}
        if not self._simple:
            if self.frame.get("cgroup"):
                _join_cgroup(self.frame["cgroup"])
            if self.frame.get("environment"):
                from os import environ

                environ.update(self.frame["environment"])
            for added in self.frame.get("with") or ():
                self.plan.apply(added["name"], added.get("attributes") or {})
            if self.plan.cards is not None:
                from .cards import publisher

                publisher.begin(self)
            if self.frame.get("parallel"):
                from .gang import announce

                announce(self)
        try:
            if self._simple:
                self.plan.function(flow)
            else:
                self._call_step()
            if getpid() != pid:
                return 0  # a process that the step has forked, and let go on: the task is the other one
            if self.transition is None:
                self._check_transition()
            if not self.plans.taken.isdisjoint(flow.__dict__) and self.plan.next is not None:
                self._check_names()
            if self.plan.catch is not None and self.plan.catch.get("var"):
                setattr(flow, self.plan.catch["var"], None)
        except BaseException as exception:
            if getpid() != pid:
                return _end_of_fork(exception)
            self.channel.busy = True
            if not self._caught(exception, done):
                return self._failed(exception, done)
        # From here on a signal waits until everything is said.
        self.channel.busy = True
        if self._simple and not self.loaded:
            data = self._short_done(flow)
            if data is not None:
                flush()
                self.channel.write(data)
                return 0
        try:
            parts = self._pack_all(done)
        except Exception as exception:
            self.staging.discard()
            if "caught" in done or not self._caught(exception, done):
                return self._failed(exception, {"type": "done"})
            try:
                parts = self._pack_all(done)
            except Exception as again:
                self.staging.discard()
                return self._failed(again, {"type": "done"})
        if self.stack:
            value = self._short_value()
            if value is not None:
                done["value"] = value
        if self.plan.cards is not None:
            from .cards import publisher

            publisher.finish()
        flush()
        self.channel.send(done, parts)
        return 0

    def _short_done(self, flow):
        """The done frame of a step that has made only a few plain values; None if there is more to tell."""
        text = self.transition.text
        if text is None:
            return None
        entries, body = "", b""
        for name, value in flow.__dict__.items():
            kind = _PLAIN.get(type(value))
            if kind is None or name[:2] == "__" or not (name.isascii() and name.isidentifier()):
                return None
            data = dumps(value, 5)
            entry = _ENTRY % (name, kind, len(data), len(data))
            entries += "," + entry if entries else entry
            body += data
        text = '{"type":"done","ok":true,"transition":%s,"artifacts":[%s]' % (text, entries)
        if self.stack:
            if not self._at_hand:
                return None
            value = self.item()
            if type(value) is not int or value.bit_length() > 64:
                return None
            text += ',"value":"%d"}' % value
        else:
            text += "}"
        return pack_frame(text.encode(), body)

    def _pack_all(self, done):
        """Put the transition and the artifacts into the done frame; return the parts of its body."""
        # What cannot be pickled must not turn a caught failure into another one.
        done["artifacts"], parts = self._pack("caught" in done)
        transition = self.transition
        described = done["transition"] = {"next": transition.steps}
        if transition.items is not None:
            items = transition.items
            if hasattr(self.plan.function, "runs_fallback"):  # a decorator may have replaced it after self.next
                later = self.flow.__dict__.get(transition.var)
                items = later if hasattr(later, "__len__") and len(later) else items
            done["foreach"], data, described["fan"] = pack_items(each(items), transition.var, self.staging)
            if data is not None:
                parts.append(data)
        elif transition.fan:
            described["fan"] = transition.fan
        return parts

    def _pack(self, skip_unpicklable):
        """What the attempt has made, for the done frame: entries and their bytes."""
        spin = self.frame.get("spin")
        if spin is not None and not spin.get("persist"):
            return [], []
        if self._elements is not None:
            self._elements.settle()
        return pack_changed(self.flow.__dict__, self.loaded, self.staging, skip_unpicklable)

    def _call_step(self):
        plan = self.plan
        inputs = Inputs(self) if plan.is_join else None
        if self.frame.get("spin"):
            from .spin import SpunInputs, prepare

            replaced = prepare(self, self.frame["spin"])
            if plan.is_join:
                inputs = SpunInputs(self, *replaced)
        if self.frame.get("fallback") and not hasattr(plan.function, "runs_fallback"):
            from .exceptions import FailureHandledByCatch

            raise FailureHandledByCatch(self.frame["attempt"], self.frame.get("died"))
        limit = self.frame.get("timeout") or (plan.timeout is not None and timeout_seconds(plan.timeout)) or 0
        if limit:
            self._tell_timeout("begun")
            signal(SIGALRM, self._on_alarm)
            setitimer(ITIMER_REAL, limit, _AGAIN)
        try:
            if plan.is_join:
                plan.function(self.flow, inputs)
            else:
                plan.function(self.flow)
        finally:
            if limit:
                setitimer(ITIMER_REAL, 0)
                self._tell_timeout("over")

    def _tell_timeout(self, state):
        """Tell the host, which ends a process that does not come back to Python to hear of its timeout."""
        self.channel.tell({"type": "timeout", "state": state})

    def _on_alarm(self, signum, frame):
        setitimer(ITIMER_REAL, 0)  # it has been heard; what follows may take longer than until it comes again
        from .exceptions import TimeoutException
        from .failure import stack_of
        from .signals import SOON, around_fork

        if around_fork(frame):
            setitimer(ITIMER_REAL, SOON, _AGAIN)
            return
        total = self.frame.get("timeout") or timeout_seconds(self.plan.timeout)
        exception = TimeoutException(
            "Step %s timed out after %d hours, %d minutes, %g seconds\nStack when it was stopped:\n%s"
            % (self.plan.name, total // 3600, total // 60 % 60, total % 60, stack_of(frame, Task._call_step))
        )

        def end_step():
            self._tell_timeout("heard")
            raise exception

        self.interrupt(end_step)

    def interrupt(self, end):
        """Call ``end``, which raises an exception, out of a signal handler, but not in the middle of a frame."""
        if self.channel.busy:
            self.channel.pending = end
        else:
            end()

    def _check_transition(self):
        if self.plan.next is None:
            self.transition = Transition([])
            return
        gang = self.frame.get("parallel")
        if gang and gang["node_index"]:
            # Where a gang goes on, its first node says: the others may return from wherever they are done.
            self.transition = Transition(list(self.plan.next["targets"]))
            return
        from .exceptions import MetaflowException

        raise MetaflowException(
            "Step '%s' returned without calling self.next(). Expected a transition to %s: call self.next() as the last "
            "statement, and do not return before it." % (self.plan.name, " or ".join(self.plan.next["targets"]))
        )

    def _check_names(self):
        """Fail for an artifact that later steps could not read: a step or the SDK has its name."""
        if self.frame.get("flow") != type(self.flow).__name__:
            return  # it is a step of another flow, in Go, where artifacts and steps have names of their own
        found = [
            name
            for name in self.plans.taken.intersection(self.flow.__dict__)
            if not isinstance(self.flow.__dict__[name], BEHAVIOUR)
        ]
        if found:
            from .mistakes import refuse

            refuse(self.plan.name, found)

    # What happens when it fails.

    def _is_interruption(self, exception):
        return bool(self.interrupted) and isinstance(exception, KeyboardInterrupt)

    def _caught(self, exception, done):
        """Let @catch take the exception, if it may."""
        catch = self.plan.catch
        if catch is None or self._is_interruption(exception):
            return False
        if self.frame["attempt"] < self.frame.get("retries", 0) and not self.frame.get("fallback"):
            return False
        if isinstance(exception, SystemExit):
            exception = _exit_as_failure(exception, self.plan.name)
            if exception.disallow_retry:
                return False
        from .exceptions import MetaflowExceptionWrapper
        from .failure import traceback_of

        trace = traceback_of(exception)
        if catch.get("print_exception", True):
            _say("@catch caught an exception from %s" % self.title(), sys.stdout)
            _say("\n".join(">  " + line for line in trace.rstrip("\n").split("\n")), sys.stdout)
        wrapper = MetaflowExceptionWrapper(exception, trace)
        try:
            if catch.get("var"):
                setattr(self.flow, catch["var"], wrapper)
        except AttributeError as error:
            _say("@catch: %s" % error, sys.stderr)
            return False
        self.flow.__dict__["_catch_exception"] = wrapper
        if self.transition is None:
            self.transition = Transition(self.plan.next["targets"] if self.plan.next else [])
        done["caught"] = True
        done["exception"] = {"type": wrapper.type, "message": wrapper.exception, "traceback": trace}
        return True

    def _failed(self, exception, done):
        """Say on stderr and to the host that the attempt failed; return the exit code."""
        from .failure import record, text

        code = 1
        done["ok"] = False
        if isinstance(exception, SystemExit):
            exception = _exit_as_failure(exception, self.plan.name)
            if exception.disallow_retry:
                done["no_retry"] = True
                code = METAFLOW_EXIT_DISALLOW_RETRY
        flush()
        if not self._is_interruption(exception):
            _say(text(self.title(), exception), sys.stderr, end="")
        try:
            entries, parts = self._pack(True)
        except Exception:
            self.staging.discard()
            entries, parts = [], []
        done["artifacts"] = entries
        done["exception"] = record(exception)
        value = self._short_value()
        if value is not None:
            done["value"] = value
        flush()
        self.channel.send(done, parts)
        return code


def _end_of_fork(exception):
    """The exit code of a process that the step has forked, as Python has it; what went wrong is printed."""
    if isinstance(exception, SystemExit):
        if exception.code is None or isinstance(exception.code, int):
            return (exception.code or 0) & 0xFF
        print(exception.code, file=sys.stderr)
    else:
        from .failure import traceback_of

        sys.stderr.write(traceback_of(exception))
    flush()
    return 1


def timeout_seconds(attributes):
    """The seconds that the attributes of a @timeout add up to."""
    return sum(
        factor * float(attributes.get(unit) or 0) for unit, factor in (("seconds", 1), ("minutes", 60), ("hours", 3600))
    )


def _join_cgroup(file):
    """Move this process into the cgroup that the host made for it."""
    try:
        with open(file, "wb", buffering=0) as members:
            members.write(b"0")
    except OSError:
        pass  # then the task is only measured less well


def _exit_as_failure(exit, step):
    """The failure that a SystemExit in a step stands for."""
    from .exceptions import StepExited

    code = exit.code
    if code is None or code == 0:
        failure = StepExited(
            "Step '%s' called sys.exit() before self.next(), so the next step is not known. End the step "
            "through self.next() instead." % step
        )
    elif isinstance(code, int):
        failure = StepExited("Step '%s' exited with the code %d." % (step, code))
    else:
        failure = StepExited("Step '%s' exited: %s" % (step, code))
    failure.disallow_retry = code == METAFLOW_EXIT_DISALLOW_RETRY
    failure.__traceback__ = exit.__traceback__
    return failure


def _say(text, stream, end="\n"):
    """Print about a failure, if the step has left a stream for that. The host is told all the same."""
    try:
        print(text, file=stream, end=end)
    except Exception:
        pass  # closed, replaced or gone


def flush():
    """Write out what the step printed."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # closed, replaced or gone: nothing that the task could do about it


def converse(flow, plans, fd, first=None, context=None):
    """Hold a task conversation on a descriptor: do what the host's first frame asks for. Return the exit code.

    What Python code printed is written out by then.

    ``first`` is that frame, header and body, if it is known already; ``context`` is what a task has in common with the
    others of its run, if the frame does not tell.
    """
    channel = Channel(fd)
    if first is None:
        try:
            first = channel.receive()
        except ConversationEnded:
            return 1  # the process was forked ahead, and is not needed
    frame, body = first
    kind = frame["type"]
    try:
        if kind == "task":
            if context is None:  # else the fork server has set it
                environ["METAFLOW_RUN_ID"] = frame["run"]
            return Task(flow, plans, channel, frame, body, context).run()
        if kind in ("parameters", "defaults"):
            from . import resolve

            code = getattr(resolve, kind)(flow, plans, channel, frame)
            flush()
            return code
        if kind == "exit_hook":
            from .exit_hooks import exit_hook

            code = exit_hook(flow, plans, channel, frame)
            flush()
            return code
        raise ConversationEnded("the host sent '%s', which starts no conversation" % kind)
    except (ConversationEnded, BrokenPipeError, ConnectionResetError) as error:
        print("levada: %s" % error, file=sys.stderr)
        flush()
        return 1
