"""Metaflow's datastore, of which flows see only the exceptions."""
