"""Running and deploying flows from Python code, by Metaflow's module names."""
