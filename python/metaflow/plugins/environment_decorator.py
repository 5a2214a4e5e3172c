"""The class of ``@environment`` under Metaflow's module path."""

from levada.decorators import STEP_DECORATORS

EnvironmentDecorator = STEP_DECORATORS["environment"]
