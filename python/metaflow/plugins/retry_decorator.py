"""The class of ``@retry`` under Metaflow's module path."""

from levada.decorators import STEP_DECORATORS

RetryDecorator = STEP_DECORATORS["retry"]
