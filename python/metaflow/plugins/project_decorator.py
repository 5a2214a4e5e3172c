"""The class of ``@project`` under Metaflow's module path."""

from levada.decorators import FLOW_DECORATOR_CLASSES

ProjectDecorator = FLOW_DECORATOR_CLASSES["project"]
