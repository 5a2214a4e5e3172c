"""The exceptions of cards under Metaflow's module path."""

from levada.cards.exceptions import (
    CardClassFoundException as CardClassFoundException,
    CardNotPresentException as CardNotPresentException,
    ComponentOverwriteNotSupportedException as ComponentOverwriteNotSupportedException,
    IncorrectArgumentException as IncorrectArgumentException,
    IncorrectCardArgsException as IncorrectCardArgsException,
    IncorrectPathspecException as IncorrectPathspecException,
    TaskNotFoundException as TaskNotFoundException,
    TypeRequiredException as TypeRequiredException,
    UnrenderableCardException as UnrenderableCardException,
    UnresolvableDatastoreException as UnresolvableDatastoreException,
)
