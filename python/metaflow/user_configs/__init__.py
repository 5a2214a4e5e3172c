"""Configs under Metaflow's module path."""
