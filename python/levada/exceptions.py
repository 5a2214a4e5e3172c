"""Everything that can go wrong, under the names that flows written for Metaflow expect.

Each class has a ``headline``: the line above the message when the failure is shown to a person.
"""

__all__ = [
    "BadFlowDecoratorException",
    "BadStepDecoratorException",
    "CommandException",
    "DataException",
    "DuplicateFlowDecoratorException",
    "DuplicateStepDecoratorException",
    "ExternalCommandFailed",
    "FailureHandledByCatch",
    "InvalidDecoratorAttribute",
    "InvalidNextException",
    "LintWarn",
    "METAFLOW_EXIT_ALLOW_RETRY",
    "METAFLOW_EXIT_DISALLOW_RETRY",
    "MetaflowDataMissing",
    "MetaflowException",
    "MetaflowExceptionWrapper",
    "MetaflowInternalError",
    "MetaflowInvalidPathspec",
    "MetaflowNamespaceMismatch",
    "MetaflowNotFound",
    "MetaflowTaggingError",
    "MetaflowUnknownUser",
    "MissingInMergeArtifactsException",
    "NotAvailable",
    "ParameterFieldFailed",
    "ParameterFieldTypeMismatch",
    "StepExited",
    "TaskFailed",
    "TimeoutException",
    "UnhandledInMergeArtifactsException",
    "UnknownFlowDecoratorException",
    "UnknownStepDecoratorException",
    "UnpicklableArtifactException",
    "UsageError",
]

#: Exit code by which a task forbids another attempt.
METAFLOW_EXIT_DISALLOW_RETRY = 202
#: Exit code by which a task allows another attempt.
METAFLOW_EXIT_ALLOW_RETRY = 203


class MetaflowException(Exception):
    """The base of all failures that are explained by their message alone."""

    headline = "Flow failed"

    def __init__(self, msg="", lineno=None, source_file=None) -> None:
        self.message = msg
        self.line_no = lineno
        self.source_file = source_file
        super().__init__()

    def __str__(self):
        prefix = "line %d: " % self.line_no if self.line_no else ""
        return prefix + str(self.message)

    def __reduce__(self):
        # Subclasses have constructors of their own; a copy is made without calling them.
        from copyreg import __newobj__

        return __newobj__, (type(self), *self.args), self.__dict__


def _restore(cls, args, state):
    """Make an exception from what __reduce__ once saved: there are stored values like that."""
    exception = cls.__new__(cls, *args)
    exception.__dict__.update(state)
    return exception


class ParameterFieldFailed(MetaflowException):
    """A function that computes a field of a parameter raised."""

    headline = "Parameter field failed"

    def __init__(self, name, field, trace="") -> None:
        super().__init__(
            "The function that computes the field '%s' of the parameter '%s' raised an exception:\n\n%s"
            % (field, name, trace)
        )


class ParameterFieldTypeMismatch(MetaflowException):
    """A function that computes a field of a parameter returned a value of the wrong type."""

    headline = "Parameter field with a mismatching type"


class ExternalCommandFailed(MetaflowException):
    """A command outside of Python failed."""

    headline = "External command failed"


class MetaflowNotFound(MetaflowException):
    """The named object does not exist."""

    headline = "Object not found"


class MetaflowNamespaceMismatch(MetaflowException):
    """The object exists, but not in the current namespace."""

    headline = "Object not in the current namespace"

    def __init__(self, namespace, found="The object") -> None:
        super().__init__(
            "%s is not in the namespace '%s'. namespace(None) shows all, namespace(\"user:name\") those of one user."
            % (found, namespace)
        )


class MetaflowInvalidPathspec(MetaflowException):
    """The path does not name an object."""

    headline = "Invalid pathspec"


class MetaflowInternalError(MetaflowException):
    """Something happened that should not be possible."""

    headline = "Internal error"


class MetaflowTaggingError(MetaflowException):
    """A tag is not acceptable."""

    headline = "Tagging error"


class MetaflowUnknownUser(MetaflowException):
    """Nobody knows who is running the flow."""

    headline = "Unknown user"

    def __init__(self) -> None:
        super().__init__("The user name could not be determined. Set the environment variable METAFLOW_USER.")


class InvalidDecoratorAttribute(MetaflowException):
    """A decorator does not have the attribute it was given."""

    headline = "Unknown decorator attribute"

    def __init__(self, deconame, attr, defaults=()) -> None:
        from .spelling import meant

        known = ", ".join(sorted(defaults)) or "none"
        super().__init__(
            "The decorator '%s' does not support the attribute '%s'.%s Supported attributes: %s."
            % (deconame, attr, meant(attr, defaults), known)
        )


class CommandException(MetaflowException):
    """A command was used in a way that makes no sense."""

    headline = "Invalid command"


class MetaflowDataMissing(MetaflowException):
    """Data that must be there is not."""

    headline = "Data missing"


class UnhandledInMergeArtifactsException(MetaflowException):
    """Inputs of a join disagree about artifacts; ``artifact_names`` lists them."""

    headline = "Unhandled artifacts in merge"

    def __init__(self, msg, unhandled) -> None:
        super().__init__(msg)
        self.artifact_names = unhandled


class MissingInMergeArtifactsException(MetaflowException):
    """Artifacts to merge that no input has; ``artifact_names`` lists them."""

    headline = "Missing artifacts in merge"

    def __init__(self, msg, unhandled) -> None:
        super().__init__(msg)
        self.artifact_names = unhandled


class MetaflowExceptionWrapper(Exception):
    """What ``@catch`` stores of an exception: texts, so that it can be read anywhere.

    ``type`` is the dotted name of its class, ``exception`` its message and ``stacktrace`` the formatted traceback
    or None.
    """

    def __init__(self, exc=None, stacktrace=None) -> None:
        super().__init__()
        if exc is not None:
            from .failure import message

            cls = type(exc)
            self.exception = message(exc)
            self.type = "%s.%s" % (cls.__module__, cls.__name__)
            self.stacktrace = stacktrace

    def __reduce__(self):
        from copyreg import __newobj__

        return __newobj__, (type(self),), self.__dict__

    def __str__(self):
        if self.stacktrace:
            return self.stacktrace
        return "[no stacktrace]\n%s: %s" % (self.type, self.exception)

    __repr__ = __str__


class LintWarn(MetaflowException):
    """The steps of a flow do not form a valid graph."""

    headline = "Validity checker found an issue"


class InvalidNextException(MetaflowException):
    """``self.next`` was called in a way that names no transition."""

    headline = "Invalid self.next() transition detected"


class DataException(MetaflowException):
    """An artifact could not be stored or read."""

    headline = "Data store error"


class UnpicklableArtifactException(MetaflowException):
    """An artifact is of a type that cannot be pickled."""

    headline = "Cannot pickle artifact"

    def __init__(self, artifact_name, reason=None) -> None:
        msg = "The artifact '%s' cannot be pickled" % artifact_name
        super().__init__("%s: %s." % (msg, reason) if reason else msg + ".")


class TaskFailed(MetaflowException):
    """A task of a run failed for good."""

    headline = "Step failure"


class StepExited(MetaflowException):
    """The code of a step ended its process instead of returning."""

    headline = "Step exited"


class TimeoutException(MetaflowException):
    """A step ran longer than its ``@timeout`` allows."""

    headline = "@timeout"


class FailureHandledByCatch(MetaflowException):
    """What ``@catch`` stores when the process of a step died without raising."""

    headline = "Task execution failed but @catch handled it"

    def __init__(self, retry_count, died=None) -> None:
        said = "The process of the task ended without an exception on each of its %d attempts" % retry_count
        super().__init__(said + ("; the last: %s." % died if died else "."))


def _by_keyword(decorator, value, attributes):
    """How an attribute that was given by position is given; ``attributes`` are those that there are."""
    if not attributes:
        return " It takes no attributes." if attributes is not None else ""
    return " Give attributes by keyword, such as @%s(%s=%r). The attributes are: %s." % (
        decorator, next(iter(attributes)), value, ", ".join(attributes)
    )  # fmt: skip


class BadStepDecoratorException(MetaflowException):
    """A step decorator was put on something that is not a step."""

    headline = "Syntax error"

    def __init__(self, deco, func, attributes=None) -> None:
        if isinstance(func, type):
            said = "The decorator '%s' goes above a step, not above a class, here '%s'." % (deco, func.__name__)
        elif callable(func):
            said = (
                "You tried to apply the decorator '%s' to '%s', which is not a step. "
                "Make sure that @step is the innermost decorator, directly above the 'def' line."
                % (deco, getattr(func, "__name__", str(func)))
            )
        else:
            said = "The decorator '%s' was given %r without a name." % (deco, func)
            said += _by_keyword(deco, func, attributes)
        super().__init__(said)


class BadFlowDecoratorException(MetaflowException):
    """A flow decorator was put on something that is not a flow."""

    headline = "Syntax error"

    def __init__(self, deconame, target=None, attributes=None) -> None:
        said = "The decorator '%s' goes above the class of a flow." % deconame
        if target is not None and not callable(target):
            said = "The decorator '%s' was given %r without a name." % (deconame, target)
            said += _by_keyword(deconame, target, attributes)
        super().__init__(said)


class DuplicateStepDecoratorException(MetaflowException):
    """A step has the same decorator twice."""

    headline = "Duplicate decorators"

    def __init__(self, deco, func) -> None:
        super().__init__("The step '%s' has the decorator '%s' twice. Remove one of them." % (func.__name__, deco))


class DuplicateFlowDecoratorException(MetaflowException):
    """A flow has the same decorator twice."""

    headline = "Duplicate decorators"

    def __init__(self, deco) -> None:
        super().__init__(
            "The flow has the decorator '%s' twice, perhaps through inheritance. Remove one of them." % deco
        )


class UnknownStepDecoratorException(MetaflowException):
    """No step decorator has this name."""

    headline = "Unknown step decorator"

    def __init__(self, deconame, known=()) -> None:
        from .spelling import meant

        text = "There is no step decorator '%s'.%s Known: %s."
        super().__init__(text % (deconame, meant(deconame, known), ", ".join(sorted(known))))


class UnknownFlowDecoratorException(MetaflowException):
    """No flow decorator has this name."""

    headline = "Unknown flow decorator"

    def __init__(self, deconame, known=()) -> None:
        super().__init__("There is no flow decorator '%s'. Known: %s." % (deconame, ", ".join(sorted(known))))


class UsageError(MetaflowException):
    """The command line is wrong; the message is what the user reads, ``parameter`` what it is about, or None."""

    headline = "Usage"

    def __init__(self, message, parameter=None) -> None:
        super().__init__(message)
        self.parameter = parameter


class NotAvailable(MetaflowException, AttributeError):
    """Something of Metaflow's API that this version of Levada does not have."""

    headline = "Not available"

    def __init__(self, name, instead="") -> None:
        super().__init__(
            "'%s' is not available in this version of Levada. %sWhat is planned is listed on the page about "
            "compatibility (docs/compatibility.md)." % (name, instead and instead + " ")
        )
