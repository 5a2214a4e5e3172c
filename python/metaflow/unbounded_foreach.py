"""Names of the unbounded foreach under Metaflow's module path."""

from levada.unbounded import CONTROL_TASK_TAG, UBF_CONTROL, UBF_TASK, UnboundedForeachInput  # noqa: F401
