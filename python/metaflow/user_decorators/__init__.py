"""User decorators and mutators under Metaflow's module path."""
