"""A step that is run again, alone: what is different for its task."""

import os
import runpy

from .exceptions import MetaflowException
from .inputs import Inputs


def prepare(task, spin):
    """Leave out the decorators that the host names, and replace the inputs that the user's module replaces.

    Returns what a join needs to replace: values by name, and by the step and id of an input those of that input.
    """
    for name in spin.get("without") or ():
        task.plan.drop(name)
    values, by_input = _artifacts(spin["artifacts"]) if spin.get("artifacts") else ({}, {})
    for name, value in values.items():
        if name in task.plans.parameters:
            task.replace(name, value)
        elif not task.plan.is_join:
            setattr(task.flow, name, value)
    return values, by_input


def _artifacts(file):
    if not os.path.isfile(file):
        raise MetaflowException("There is no file %s for --artifacts-module." % file)
    given = runpy.run_path(file).get("ARTIFACTS")
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise MetaflowException(
            "The module of --artifacts-module, %s, has no dictionary ARTIFACTS of names and values."
            % file
        )
    values, by_input = {}, {}
    for name, value in given.items():
        if "/" not in name:
            values[name] = value
        elif isinstance(value, dict):
            # The task takes over its inputs from another run, so they differ from their pathspecs in the run.
            by_input[tuple(name.split("/")[-2:])] = value
        else:
            raise MetaflowException(
                "ARTIFACTS['%s'] in %s is for one input of a join, so it has to be a dictionary of names and values."
                % (name, file)
            )
    return values, by_input


class SpunInputs(Inputs):
    """The inputs of a join of which some artifacts are replaced, in one input or in each."""

    def __init__(self, task, values, by_input):
        super().__init__(task)
        self._replaced = values
        self._by_input = by_input

    def _artifact(self, position, name, decode=None):
        """The artifact ``name`` of one input."""
        if self._by_input:
            where = self._where(position)
            own = self._by_input.get((where["step"], where["task"]), {})
            if name in own:
                return True, own[name]
        if name in self._replaced:
            return True, self._replaced[name]
        return super()._artifact(position, name, decode)
