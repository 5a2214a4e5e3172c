"""Metaflow's place of ``package_suffixes``."""

from levada.packaging import package_suffixes

__all__ = ["package_suffixes"]
