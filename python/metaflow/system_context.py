"""In which of a run's processes this code runs."""

from enum import Enum

from levada.running import current


class ExecutionPhase(Enum):
    """The kinds of processes. TRAMPOLINE stands for those that hand a task to another machine."""

    LAUNCH = "launch"
    TRAMPOLINE = "trampoline"
    TASK = "task"


class _SystemContext:
    @property
    def phase(self):
        """The kind of this process."""
        return ExecutionPhase.TASK if current.is_running_flow else ExecutionPhase.LAUNCH

    @property
    def is_task(self):
        """Whether a task runs here."""
        return self.phase is ExecutionPhase.TASK

    @property
    def is_launch(self):
        """Whether this process starts runs."""
        return self.phase is ExecutionPhase.LAUNCH

    @property
    def is_trampoline(self):
        """Whether this process hands a task to another machine: never."""
        return False


#: The context of this process.
system_context = _SystemContext()
