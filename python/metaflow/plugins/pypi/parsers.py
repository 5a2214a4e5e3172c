"""Parsers of package lists under Metaflow's module path."""

from levada.config_parsers import (
    ParserValueError as ParserValueError,
    conda_environment_yml_parser as conda_environment_yml_parser,
    pyproject_toml_parser as pyproject_toml_parser,
    requirements_txt_parser as requirements_txt_parser,
)
