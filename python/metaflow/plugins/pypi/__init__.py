"""Parsers of package lists under Metaflow's module path."""
