"""``package_sources`` and ``package_suffixes``: files that go with a flow to other machines."""

import os

from .custom import FlowMutator
from .exceptions import MetaflowException


class package_sources(FlowMutator):
    """Take more files or folders along with a flow's code: ``@package_sources("../src/forecasting")``.

    For flows that run elsewhere. It changes nothing here: tasks run on this machine, where the files are.
    """

    def init(self, sources, arcname=None, suffixes=None):
        """Take paths, or pairs of a path and its name in the package; which suffixes count."""
        sources = [sources] if _is_path(sources) or _is_pair(sources) else list(sources)
        names = [source[1] for source in sources if _is_pair(source)]
        if arcname is not None:
            if len(sources) != 1:
                raise MetaflowException(
                    "@package_sources: arcname is the name of one source, and there are %d. Give pairs of a source and "
                    "its name instead." % len(sources)
                )
            names = [arcname]
        for name in names:
            _check_name(os.fspath(name))


class package_suffixes(FlowMutator):
    """Take files with more suffixes along with a flow's code: ``@package_suffixes([".yaml"])``.

    For flows that run elsewhere. Here, which files are kept with a run is chosen with ``--package-suffixes``.
    """

    def init(self, suffixes):
        """Take the suffixes."""


def _is_path(value):
    return isinstance(value, (str, os.PathLike))


def _is_pair(value):
    return isinstance(value, tuple) and len(value) == 2 and all(_is_path(part) for part in value)


def _check_name(name):
    if os.path.isabs(name) or os.path.normpath(name) == "." or ".." in name.replace("\\", "/").split("/"):
        raise MetaflowException(
            "@package_sources: '%s' is not a path inside of the package. Name a relative path without '..'." % name
        )
