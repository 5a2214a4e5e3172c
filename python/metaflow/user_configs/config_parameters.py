"""Configs under Metaflow's module path."""

from levada.configs import Config, ConfigValue, Delayed, config_expr  # noqa: F401

DelayEvaluator = Delayed
