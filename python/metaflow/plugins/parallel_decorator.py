"""The class of ``@parallel``, and how code tells the first task of a gang, under Metaflow's module path."""

from levada.decorators import STEP_DECORATORS
from levada.unbounded import UBF_CONTROL as UBF_CONTROL

ParallelDecorator = STEP_DECORATORS["parallel"]
