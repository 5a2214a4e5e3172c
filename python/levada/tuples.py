"""Named tuples of the API. A module of their own, because making them takes time that an import should not."""

from collections import namedtuple

#: One level of the foreach stack as it is stored.
ForeachFrame = namedtuple("ForeachFrame", ["step", "var", "num_splits", "index", "value"])

#: The gang that a task is part of: ``current.parallel``.
Parallel = namedtuple("Parallel", ["main_ip", "num_nodes", "node_index", "control_task_id"])

#: What a function that computes a parameter's default is called with.
ParameterContext = namedtuple(
    "ParameterContext", ["flow_name", "user_name", "parameter_name", "logger", "ds_type", "configs"]
)
