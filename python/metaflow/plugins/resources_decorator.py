"""The class of ``@resources`` under Metaflow's module path."""

from levada.decorators import STEP_DECORATORS

ResourcesDecorator = STEP_DECORATORS["resources"]
