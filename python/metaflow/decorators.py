"""Decorators under Metaflow's module path."""

from levada.decorators import Decorator, FlowDecorator, StepDecorator, flow_decorators, step  # noqa: F401
from levada.exceptions import (  # noqa: F401
    BadFlowDecoratorException,
    BadStepDecoratorException,
    DuplicateFlowDecoratorException,
    DuplicateStepDecoratorException,
    UnknownFlowDecoratorException,
    UnknownStepDecoratorException,
)

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
