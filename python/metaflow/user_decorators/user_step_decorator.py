"""Decorators and mutators of steps under Metaflow's module path."""

from levada.custom import USER_SKIP_STEP, StepMutator, UserStepDecorator, user_step_decorator  # noqa: F401
from levada.custom import _OfStep as UserStepDecoratorBase  # noqa: F401
