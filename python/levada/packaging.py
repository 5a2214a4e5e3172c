"""``package_sources`` and ``package_suffixes``: files that are kept with a run besides the flow's own.

What they name goes into the definition of the flow (see `described`); the host reads and packs the files.
"""

import os

from .custom import FlowMutator, flow_mutators
from .exceptions import MetaflowException


class package_sources(FlowMutator):
    """Keep files or folders from elsewhere with a flow's code: ``@package_sources("../src/forecasting")``.

    ``sources`` is a path, a pair of a path and its name in the package, or a list of these. Paths are relative to the
    folder of the flow's file; in the package they have the last part of their path as name, unless a pair or, for a
    single source, ``arcname`` says otherwise. ``suffixes``, a list or a text with commas, says which files of a folder
    count (default: ``.py,.R,.RDS``); a file that is named itself always does. A source that does not exist is told of
    when the run begins, and left out.

    Raises MetaflowException for what is neither a path nor such a pair, for a name that does not lie inside of the
    package, and for an ``arcname`` of several sources.
    """

    #: What it names, as far as its arguments are known.
    sources = suffixes = ()

    def init(self, sources, arcname=None, suffixes=None):
        """Take paths, or pairs of a path and its name in the package; which suffixes count."""
        if _is_path(sources) or _is_pair(sources) or not hasattr(sources, "__iter__"):
            sources = [sources]
        pairs = [source if _is_pair(source) else (source, None) for source in sources]
        for path, _ in pairs:
            if not _is_path(path):
                raise MetaflowException(
                    "@package_sources: %r is neither a path nor a pair of a path and its name in the package." % (path,)
                )
        if arcname is not None:
            if len(pairs) != 1:
                raise MetaflowException(
                    "@package_sources: arcname is the name of one source, and there are %d. Give pairs of a source and "
                    "its name instead." % len(pairs)
                )
            pairs = [(pairs[0][0], arcname)]
        self.sources = [(os.fspath(path), None if name is None else _checked_name(name)) for path, name in pairs]
        self.suffixes = _suffixes(self, suffixes)


class package_suffixes(FlowMutator):
    """Keep files with more suffixes with a flow's code: ``@package_suffixes([".yaml"])``.

    ``suffixes`` is a list or a text with commas. They count besides those of ``--package-suffixes``.
    """

    #: What it names, as far as its arguments are known.
    suffixes = ()

    def init(self, suffixes):
        """Take the suffixes."""
        self.suffixes = _suffixes(self, suffixes)


def described(flow_class, flow_file):
    """What the mutators of a flow add to its code package, ready for JSON; empty if they add nothing."""
    folder = os.path.dirname(os.path.abspath(flow_file))
    suffixes, sources = [], []
    for mutator in flow_mutators(flow_class):
        if isinstance(mutator, package_suffixes):
            suffixes += mutator.suffixes
        elif isinstance(mutator, package_sources):
            for path, name in mutator.sources:
                path = os.path.realpath(os.path.join(folder, path))
                source = {"path": path, "name": name or os.path.basename(path)}
                if mutator.suffixes:
                    source["suffixes"] = mutator.suffixes
                sources.append(source)
    package = {"suffixes": suffixes, "sources": sources}
    return {key: value for key, value in package.items() if value}


def _suffixes(decorator, given):
    """Suffixes as a list, each with its dot. MetaflowException for what is neither a list of texts nor a text."""
    given = given.split(",") if isinstance(given, str) else () if given is None else given
    given = list(given) if hasattr(given, "__iter__") else [given]
    for suffix in given:
        if not isinstance(suffix, str):
            raise MetaflowException(
                "@%s: suffixes are a list of texts, or a text with commas; %r is no suffix."
                % (type(decorator).__name__, suffix)
            )
    return ["." + suffix.strip().lstrip(".") for suffix in given if suffix.strip()]


def _is_path(value):
    return isinstance(value, (str, os.PathLike))


def _is_pair(value):
    return isinstance(value, tuple) and len(value) == 2 and all(_is_path(part) for part in value)


def _checked_name(name):
    """A name in the package in its shortest form. MetaflowException if it is not one inside of the package."""
    name = os.fspath(name)
    short = os.path.normpath(name)
    if os.path.isabs(name) or short == "." or ".." in name.replace("\\", "/").split("/"):
        raise MetaflowException(
            "@package_sources: '%s' is not a path inside of the package. Name a relative path without '..'." % name
        )
    return short
