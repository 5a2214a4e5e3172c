"""``self._graph``: the steps of a flow as Metaflow has them inside, for code that looks there.

``current.graph`` is what flows should read. This has the same under Metaflow's names.
"""

from .graph import clean_doc, plain, steps_of

_TYPES = {"split-static": "split", "split-foreach": "foreach", "split-parallel": "foreach"}
_PARALLEL = ("parallel", "pytorch_parallel")


class Node:
    """A step."""

    def __init__(self, described, function, next):
        kind = described["type"]
        self.name = described["name"]
        self.type = _TYPES.get(kind, kind)
        self.doc = described["doc"]
        self.source_file = described["source_file"]
        self.func_lineno = described["line"]
        self.tail_next_lineno = next["line"] if next else 0
        self.has_tail_next, self.invalid_tail_next = next is not None, False
        self.num_args = plain(function).__code__.co_argcount
        self.decorators = list(function.decorators)
        self.wrappers = list(getattr(function, "wrappers", ()))
        self.config_decorators = list(getattr(function, "mutators", ()))
        self.is_start_step, self.is_end_step = function.is_start, function.is_end
        self.node_info = described["node_info"]
        self.condition = described.get("condition")
        self.switch_cases = dict(described.get("switch_cases") or {})
        self.foreach_param = described.get("foreach_artifact")
        self.num_parallel = 0
        self.parallel_foreach = kind == "split-parallel"
        self.parallel_step = any(decorator.name in _PARALLEL for decorator in self.decorators)
        self.matching_join = described.get("matching_join")
        self.out_funcs = list(self.switch_cases.values()) or list(described["next"])
        self.in_funcs, self.split_parents, self.split_branches = [], [], []
        self.is_inside_foreach = False

    def __repr__(self):
        return "<step %s: %s>" % (self.name, self.type)


class FlowGraph:
    """The steps of a flow, by name, in the order in which they are written."""

    def __init__(self, task):
        graph, flow_class = task.graph(), type(task.flow)
        functions = steps_of(flow_class)
        self.name = flow_class.__name__
        self.doc = clean_doc(flow_class.__doc__)
        self.start_step, self.end_step = graph["start_step"], graph["end_step"]
        self.nodes = {
            name: Node(described, functions[name], task.plans.steps[name].next)
            for name, described in graph["steps"].items()
        }
        self._place()
        for node in self.nodes.values():
            node.in_funcs.sort()
            around = [self.nodes[name] for name in node.split_parents]
            node.is_inside_foreach = any(
                split.type == "foreach" and split.matching_join != node.name for split in around
            )

    def _place(self):
        """Find what comes before each step, and the splits and branches that it is in."""
        placed, waiting = {self.start_step}, [self.nodes[self.start_step]]
        for node in waiting:
            parents, branches = node.split_parents, node.split_branches
            splits = node.type in ("split", "foreach")
            for target in dict.fromkeys(node.out_funcs):
                child = self.nodes[target]
                if target != node.name:  # not a loop
                    child.in_funcs.append(node.name)
                if target in placed:
                    continue
                placed.add(target)
                waiting.append(child)
                if node.type == "join":
                    child.split_parents, child.split_branches = parents[:-1], branches[:]
                else:
                    child.split_parents = [*parents, node.name] if splits else parents[:]
                    child.split_branches = [*branches, target] if splits else branches[:]
                if child.type == "join":
                    child.split_branches = child.split_branches[:-1]

    def __getitem__(self, name):
        return self.nodes[name]

    def __contains__(self, name):
        return name in self.nodes

    def __iter__(self):
        return iter(self.nodes.values())
