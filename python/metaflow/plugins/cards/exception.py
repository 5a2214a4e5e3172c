"""The exceptions of cards under Metaflow's module path."""

from levada.cards.exceptions import (  # noqa: F401
    CardClassFoundException,
    CardNotPresentException,
    ComponentOverwriteNotSupportedException,
    IncorrectArgumentException,
    IncorrectCardArgsException,
    IncorrectPathspecException,
    TaskNotFoundException,
    TypeRequiredException,
    UnrenderableCardException,
    UnresolvableDatastoreException,
)
