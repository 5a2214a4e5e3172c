"""Configs under Metaflow's module path."""

from levada.configs import Config as Config, ConfigValue as ConfigValue, Delayed as Delayed, config_expr as config_expr

DelayEvaluator = Delayed
