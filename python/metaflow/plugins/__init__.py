"""Modules of decorators that flows import exceptions from."""
