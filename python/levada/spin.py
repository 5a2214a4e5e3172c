"""A step that is run again, alone: what is different for its task."""

import os
import runpy

from .exceptions import MetaflowException
from .inputs import Inputs


def prepare(task, spin):
    """Leave out the decorators that the host names, and replace the inputs that the user's module replaces."""
    for name in spin.get("without") or ():
        task.plan.drop(name)
    values = _artifacts(spin["artifacts"]) if spin.get("artifacts") else {}
    for name, value in values.items():
        if name in task.plans.parameters:
            task.replace(name, value)
        elif not task.plan.is_join:
            setattr(task.flow, name, value)
    return values


def _artifacts(file):
    if not os.path.isfile(file):
        raise MetaflowException("There is no file %s for --artifacts-module." % file)
    values = runpy.run_path(file).get("ARTIFACTS")
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise MetaflowException(
            "The module of --artifacts-module, %s, has no dictionary ARTIFACTS of names and values."
            % file
        )
    return values


class SpunInputs(Inputs):
    """The inputs of a join of which some artifacts are replaced, in each input."""

    def __init__(self, task, values):
        super().__init__(task)
        self._replaced = values

    def _artifact(self, position, name, decode=None):
        """The artifact ``name`` of one input."""
        if name in self._replaced:
            return True, self._replaced[name]
        return super()._artifact(position, name, decode)
