"""Names of the unbounded foreach under Metaflow's module path."""

from levada.unbounded import (
    CONTROL_TASK_TAG as CONTROL_TASK_TAG,
    UBF_CONTROL as UBF_CONTROL,
    UBF_TASK as UBF_TASK,
    UnboundedForeachInput as UnboundedForeachInput,
)
