"""Parsers of package lists under Metaflow's module path."""

from levada.config_parsers import (  # noqa: F401
    ParserValueError,
    conda_environment_yml_parser,
    pyproject_toml_parser,
    requirements_txt_parser,
)
