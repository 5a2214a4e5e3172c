"""Decorators and mutators of steps under Metaflow's module path."""

from levada.custom import (
    USER_SKIP_STEP as USER_SKIP_STEP,
    StepMutator as StepMutator,
    UserStepDecorator as UserStepDecorator,
    user_step_decorator as user_step_decorator,
)
from levada.custom import _OfStep as UserStepDecoratorBase  # noqa: F401
