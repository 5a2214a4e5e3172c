"""The exception of ``@timeout`` under Metaflow's module path."""

from levada.exceptions import TimeoutException as TimeoutException
