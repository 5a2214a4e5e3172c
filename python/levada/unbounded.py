"""Names of the unbounded foreach, which Levada does not run."""

#: Role of a gang's first task.
UBF_CONTROL = "ubf_control"
#: Role of a gang's other tasks.
UBF_TASK = "ubf_task"
#: Tag of a gang's first task.
CONTROL_TASK_TAG = "control_task"


class UnboundedForeachInput:
    """Base of the inputs of an unbounded foreach. Using one in a foreach is an error."""
