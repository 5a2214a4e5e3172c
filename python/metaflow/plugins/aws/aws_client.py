"""Clients of AWS: a later version has them. Importing works, using says so."""

from levada.later import names_of

__getattr__ = names_of(__name__)
