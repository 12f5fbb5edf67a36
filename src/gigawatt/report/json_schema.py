"""The piece of JSON Schema that every answer's schema is made of."""

from typing import Any

Schema = dict[str, Any]


def closed(properties: Schema) -> Schema:
    """An object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
