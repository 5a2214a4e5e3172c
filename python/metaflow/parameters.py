"""Parameters under Metaflow's module path."""

from levada.parameters import JSONType, JSONTypeClass, Parameter  # noqa: F401


def __getattr__(name):
    if name == "ParameterContext":
        from levada.tuples import ParameterContext

        return ParameterContext
    if name == "DeployTimeField":
        from levada.later import Later

        return Later("metaflow.parameters.DeployTimeField")
    raise AttributeError("module '%s' has no attribute '%s'" % (__name__, name))
