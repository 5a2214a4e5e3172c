"""The exception of ``@catch`` under Metaflow's module path."""

from levada.exceptions import FailureHandledByCatch as FailureHandledByCatch
