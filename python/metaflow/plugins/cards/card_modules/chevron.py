"""Mustache under Metaflow's module path."""

from levada.cards.mustache import render as render
