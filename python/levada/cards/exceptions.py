"""The exceptions of cards. All are MetaflowExceptions."""

from ..exceptions import MetaflowException


class CardClassFoundException(MetaflowException):
    """A card type was asked for that nobody provides."""

    headline = "MetaflowCard not found"

    def __init__(self, card_name):
        super().__init__("There is no card type '%s'." % card_name)


class TypeRequiredException(MetaflowException):
    """A type is needed to tell what is asked for."""

    headline = "Card type missing exception"

    def __init__(self):
        super().__init__("if no pathspec is given, name a card type")


class CardNotPresentException(MetaflowException):
    """A task has no card, or none that matches."""

    headline = "Card not found in datastore"

    def __init__(self, message):
        super().__init__(message)


class TaskNotFoundException(MetaflowException):
    """A pathspec names no task."""

    headline = "Cannot resolve task for pathspec"

    def __init__(self, pathspec_query, resolved_from=None, run_id=None):
        super().__init__("Cannot resolve the task for %s." % pathspec_query)


class IncorrectCardArgsException(MetaflowException):
    """A card was given options that it does not take."""

    headline = "Incorrect arguments to @card decorator"

    def __init__(self, card_type, args):
        super().__init__("The card '%s' does not take these arguments: %s" % (card_type, args))


class UnrenderableCardException(MetaflowException):
    """A card's ``render`` failed."""

    headline = "Unable to render @card"

    def __init__(self, card_type, args):
        super().__init__("The card '%s' could not be rendered with the arguments %s" % (card_type, args))


class UnresolvableDatastoreException(MetaflowException):
    """It cannot be told where the cards of a task are."""

    headline = "Cannot resolve datastore type from `Task.metadata`"

    def __init__(self, task):
        super().__init__("It cannot be told where the cards of %s are." % task)


class IncorrectArgumentException(MetaflowException):
    """``get_cards`` was given what is no task."""

    headline = "`get_cards` function requires a `Task` object or pathspec as an argument"

    def __init__(self, obj_type):
        super().__init__("`get_cards` takes a task or its pathspec, not %s." % obj_type)


class IncorrectPathspecException(MetaflowException):
    """``get_cards`` was given a pathspec that names no task."""

    headline = "Pathspec is required of form `flowname/runid/stepname/taskid`"

    def __init__(self, pthspec):
        super().__init__("%s is not the pathspec of a task: FLOW/RUN/STEP/TASK." % pthspec)


class ComponentOverwriteNotSupportedException(MetaflowException):
    """A component would take the place of another."""

    headline = "Component overwrite is not supported"

    def __init__(self, component_id, card_id=None, card_type=None):
        super().__init__(
            "The card has a component with the id '%s' already. Update that one, or replace it: append(component, id)."
            % component_id
        )
