"""Parameters under Metaflow's module path."""

from levada.parameters import JSONType as JSONType, JSONTypeClass as JSONTypeClass, Parameter as Parameter

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []


def __getattr__(name):
    if name == "ParameterContext":
        from levada.tuples import ParameterContext

        return ParameterContext
    if name == "DeployTimeField":
        from levada.later import Later

        return Later("metaflow.parameters.DeployTimeField")
    raise AttributeError("module '%s' has no attribute '%s'" % (__name__, name))
