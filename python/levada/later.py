"""Names of Metaflow's API that this version of Levada does not have."""

from .exceptions import NotAvailable

#: What does the work of a name meanwhile, by the last part of the name.
_INSTEAD = {
    "S3": (
        "Large values need no S3: assign them to self, and they are stored as files that other tasks and the client "
        "read in place. For objects in a bucket, use a library such as boto3."
    ),
    "S3Object": "For objects in a bucket, use a library such as boto3.",
    "Local": "For files use open(), or assign their contents to self.",
    "FlowGraph": (
        "`levada --json show FILE` prints the steps of a flow and how they follow each other; "
        "in a step, current.graph has them."
    ),
    "DeployTimeField": "A function as the default of a Parameter is called when a run starts.",
}


def _missing(name):
    return NotAvailable(name, _INSTEAD.get(name.rpartition(".")[2], ""))


class Later:
    """Stands for a name, so that importing it works. Calling it, deriving from it or reading it is an error."""

    def __init__(self, name):
        self.__dict__["__name__"] = name

    def __call__(self, *args, **kwargs):
        """Fail: there is nothing to call."""
        raise _missing(self.__name__)

    def __mro_entries__(self, bases):
        raise _missing(self.__name__)

    def __iter__(self):
        raise _missing(self.__name__)

    def __getattr__(self, name):
        if name[:2] == "__":
            raise AttributeError(name)
        raise NotAvailable("%s.%s" % (self.__name__, name), _INSTEAD.get(self.__name__.rpartition(".")[2], ""))

    def __repr__(self):
        return "<%s: not available in this version of Levada>" % self.__name__


def names_of(module):
    """The ``__getattr__`` of a module that is not there yet: any name can be imported from it."""

    def find(name):
        if name[:2] == "__":
            raise AttributeError("module '%s' has no attribute '%s'" % (module, name))
        return Later("%s.%s" % (module, name))

    return find
