"""``FlowSpec`` under Metaflow's module path."""

from levada.exceptions import InvalidNextException as InvalidNextException
from levada.flowspec import FlowSpec as FlowSpec

#: Artifacts that Metaflow makes for itself, and that code which goes through artifacts leaves out. Levada has none.
INTERNAL_ARTIFACTS_SET = {
    "_control_mapper_tasks",
    "_control_task_is_mapper_zero",
    "_foreach_values",
    "_parallel_ubf_iter",
    "_unbounded_foreach",
}
