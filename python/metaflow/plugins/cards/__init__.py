"""Modules of cards that flows import from."""
