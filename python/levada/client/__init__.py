"""The client: everything that runs left, to be found, read and tagged from Python.

::

    from levada import Flow

    run = Flow("MyFlow").latest_run
    print(run.status, run["train"].task.data.score)

It works in a script, in a notebook and in a task. It holds no storage code: it asks ``levada rpc``, which it starts
when it is first used. All of it may be used from any thread.
"""

from ..standard import library

with library():
    from .code import MetaflowCode
    from .data import MetaflowData
    from .objects import DataArtifact, Flow, Metaflow, MetaflowObject, Run, Step, Task
    from .scope import (
        default_metadata,
        default_namespace,
        get_metadata,
        get_namespace,
        inspect_spin,
        metadata,
        namespace,
    )
    from .task import Metadata

__all__ = [
    "DataArtifact",
    "Flow",
    "Metadata",
    "Metaflow",
    "MetaflowCode",
    "MetaflowData",
    "MetaflowObject",
    "Run",
    "Step",
    "Task",
    "default_metadata",
    "default_namespace",
    "get_metadata",
    "get_namespace",
    "inspect_spin",
    "metadata",
    "namespace",
]
