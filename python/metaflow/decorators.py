"""Decorators under Metaflow's module path."""

from levada.decorators import (
    Decorator as Decorator,
    FlowDecorator as FlowDecorator,
    StepDecorator as StepDecorator,
    flow_decorators as flow_decorators,
    step as step,
)
from levada.exceptions import (
    BadFlowDecoratorException as BadFlowDecoratorException,
    BadStepDecoratorException as BadStepDecoratorException,
    DuplicateFlowDecoratorException as DuplicateFlowDecoratorException,
    DuplicateStepDecoratorException as DuplicateStepDecoratorException,
    UnknownFlowDecoratorException as UnknownFlowDecoratorException,
    UnknownStepDecoratorException as UnknownStepDecoratorException,
)

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
