"""Metaflow's exceptions."""

from levada.exceptions import (  # noqa: F401
    METAFLOW_EXIT_ALLOW_RETRY,
    METAFLOW_EXIT_DISALLOW_RETRY,
    CommandException,
    ExternalCommandFailed,
    InvalidDecoratorAttribute,
    MetaflowDataMissing,
    MetaflowException,
    MetaflowExceptionWrapper,
    MetaflowInternalError,
    MetaflowInvalidPathspec,
    MetaflowNamespaceMismatch,
    MetaflowNotFound,
    MetaflowTaggingError,
    MetaflowUnknownUser,
    MissingInMergeArtifactsException,
    ParameterFieldFailed,
    ParameterFieldTypeMismatch,
    UnhandledInMergeArtifactsException,
)
