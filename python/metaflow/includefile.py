"""``IncludeFile`` under Metaflow's module path."""

from levada.includefile import IncludeFile as IncludeFile


class IncludedFile:
    """How Metaflow stores an included file. Here it is stored as text or bytes, so no value is one of these."""


#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
