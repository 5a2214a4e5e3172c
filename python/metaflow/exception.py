"""Metaflow's exceptions."""

from levada.exceptions import (
    METAFLOW_EXIT_ALLOW_RETRY as METAFLOW_EXIT_ALLOW_RETRY,
    METAFLOW_EXIT_DISALLOW_RETRY as METAFLOW_EXIT_DISALLOW_RETRY,
    CommandException as CommandException,
    ExternalCommandFailed as ExternalCommandFailed,
    InvalidDecoratorAttribute as InvalidDecoratorAttribute,
    MetaflowDataMissing as MetaflowDataMissing,
    MetaflowException as MetaflowException,
    MetaflowExceptionWrapper as MetaflowExceptionWrapper,
    MetaflowInternalError as MetaflowInternalError,
    MetaflowInvalidPathspec as MetaflowInvalidPathspec,
    MetaflowNamespaceMismatch as MetaflowNamespaceMismatch,
    MetaflowNotFound as MetaflowNotFound,
    MetaflowTaggingError as MetaflowTaggingError,
    MetaflowUnknownUser as MetaflowUnknownUser,
    MissingInMergeArtifactsException as MissingInMergeArtifactsException,
    ParameterFieldFailed as ParameterFieldFailed,
    ParameterFieldTypeMismatch as ParameterFieldTypeMismatch,
    UnhandledInMergeArtifactsException as UnhandledInMergeArtifactsException,
)
