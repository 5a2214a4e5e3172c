"""``@exec``: a step that another program runs, in whatever language it is written."""

from shlex import split

from .decorators import STEP_DECORATORS, StepDecorator, _attach_to_step
from .exceptions import MetaflowException
from .standard import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .decorators import _Step


class Exec(StepDecorator):
    """The record of @exec. The host acts on it; the body of the step is never run."""

    name = "exec"
    defaults = {"command": None, "inputs": [], "outputs": [], "protocol": False}


STEP_DECORATORS["exec"] = Exec


def exec(command, inputs=(), outputs=(), protocol=False) -> "Callable[[_Step], _Step]":
    """Let a program run the step. The step's body is not run; its ``self.next`` says what follows.

    ``command`` is the program and its arguments, as a list or as one string: a name with a slash is relative to the
    folder of the flow's file, another is looked for on the PATH; a Python file is run by the flow's Python; the
    folder of a Go package is built.

    A program that knows nothing of Levada finds each artifact of ``inputs`` as a file in the folder that the variable
    LEVADA_INPUTS names, and leaves each of ``outputs`` as a file in LEVADA_OUTPUTS: NAME.json for plain data, NAME.bin
    for bytes, NAME.txt for text, NAME.npy for arrays, NAME.csv for tables. An exit code other than 0 is a failure.

    With ``protocol`` it is a flow in any language that has an SDK, with a step of the same name: it asks for what it
    needs, so inputs and outputs are left away.
    """
    words = split(command) if isinstance(command, str) else list(command)
    if not words or not all(isinstance(word, str) for word in words):
        raise MetaflowException("@exec needs a program: a string, or a list of strings, that is not empty.")
    for name, value in (("inputs", inputs), ("outputs", outputs)):
        if isinstance(value, str) or not all(isinstance(one, str) for one in value):
            raise MetaflowException("@exec: %s must be a list of artifact names, not %r." % (name, value))
    attributes = {"command": words, "inputs": list(inputs), "outputs": list(outputs), "protocol": bool(protocol)}
    return lambda step: _attach_to_step(Exec, step, attributes)
