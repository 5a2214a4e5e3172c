"""The class of ``@parallel`` under Metaflow's module path."""

from levada.decorators import STEP_DECORATORS

ParallelDecorator = STEP_DECORATORS["parallel"]
