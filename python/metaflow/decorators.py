"""Decorators under Metaflow's module path."""

from levada.decorators import Decorator, FlowDecorator, StepDecorator, step  # noqa: F401
from levada.exceptions import (  # noqa: F401
    BadFlowDecoratorException,
    BadStepDecoratorException,
    DuplicateFlowDecoratorException,
    DuplicateStepDecoratorException,
    UnknownFlowDecoratorException,
    UnknownStepDecoratorException,
)
