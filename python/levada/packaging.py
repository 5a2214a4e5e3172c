"""``package_sources`` and ``package_suffixes``: files that go with a flow to other machines."""

from .custom import FlowMutator


class package_sources(FlowMutator):
    """Take more files or folders along with a flow's code: ``@package_sources("../src/forecasting")``.

    For flows that run elsewhere. It changes nothing here: tasks run on this machine, where the files are.
    """

    def init(self, sources, arcname=None, suffixes=None):
        """Take paths, or pairs of a path and its name in the package; which suffixes count."""


class package_suffixes(FlowMutator):
    """Take files with more suffixes along with a flow's code: ``@package_suffixes([".yaml"])``.

    For flows that run elsewhere. Here, which files are kept with a run is chosen with ``--package-suffixes``.
    """

    def init(self, suffixes):
        """Take the suffixes."""
