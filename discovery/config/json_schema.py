"""The JSON Schema of a configuration file, with the description of every key.

A key is described by the text below it. pydantic can take descriptions from there too, but only for
every process that imports the model, which costs each of them as much as reading the file.
"""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from discovery.config.model import Config


def config_schema() -> dict[str, Any]:
    """Make the JSON Schema of a configuration file, for editors.

    It does not know every rule that `load` keeps.
    """
    schema = Config.model_json_schema(schema_generator=_WithDescriptions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


class _WithDescriptions(GenerateJsonSchema):
    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        for key, text in _descriptions(schema["cls"]).items():
            made["properties"][key]["description"] = text
        return made


def _descriptions(section: type[BaseModel]) -> dict[str, str]:
    """Find the text below each key of a section, keys that it inherits included."""
    found: dict[str, str] = {}
    for part in reversed(section.__mro__):
        if issubclass(part, BaseModel) and part is not BaseModel:
            found |= _texts_below_keys(inspect.getsource(part))
    return found


def _texts_below_keys(source: str) -> dict[str, str]:
    [definition] = ast.parse(source).body
    statements: list[ast.stmt] = getattr(definition, "body", [])
    return {
        key.target.id: inspect.cleandoc(text.value.value)
        for key, text in pairwise(statements)
        if isinstance(key, ast.AnnAssign)
        and isinstance(key.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
