"""Mustache under Metaflow's module path."""

from levada.cards.mustache import render  # noqa: F401
