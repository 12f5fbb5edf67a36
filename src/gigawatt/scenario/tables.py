"""What every table of a scenario has in common: it knows its keys, and says how to write a missing one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

from gigawatt.scenario.quantities import Quantity
from gigawatt.scenario.refusals import RefusedError, quoted, suggestion

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Shown:
    """Field metadata: how a file would write this field."""

    text: str


class Table(BaseModel):
    """A frozen table that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        """The keys that this table may have, as the file spells them."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_is_no_table(cls, table: object) -> object:
        if isinstance(table, cls):
            return table
        if not isinstance(table, Mapping):
            raise RefusedError(
                found=quoted(table),
                expected=f"a table with keys such as {', '.join(cls.file_keys()[:4])}",
                fix="Write it as a table in braces or under a heading.",
            )
        cls._refuse_unknown_keys(table)
        cls._refuse_missing_keys(table)
        return table

    @classmethod
    def _refuse_unknown_keys(cls, table: Mapping[str, object]) -> None:
        for key in table:
            if key not in cls.file_keys():
                raise RefusedError(
                    found=f"the unknown key {quoted(key)}",
                    expected=f"one of the keys {', '.join(cls.file_keys())}",
                    fix=suggestion(key, cls.file_keys()),
                    key=key,
                )

    @classmethod
    def _refuse_missing_keys(cls, table: Mapping[str, object]) -> None:
        for name, field in cls.model_fields.items():
            key = field.alias or name
            if field.is_required() and key not in table:
                raise RefusedError(
                    found="nothing",
                    expected=f"the key {quoted(key)}",
                    fix=f"Add {key} = {_example(field.metadata)}.",
                    key=key,
                )


def _example(metadata: list[Any]) -> str:
    shown = [entry.text for entry in metadata if isinstance(entry, Shown)]
    quantities = [entry.dimensions[0].example for entry in metadata if isinstance(entry, Quantity)]
    return (*shown, *quantities, '"..."')[0]


def choice(choices: type[Choice]) -> BeforeValidator:
    """Accepts the words of `choices` and nothing else."""
    known = tuple(member.value for member in choices)

    def validate(value: object) -> Choice:
        if value not in known:
            raise RefusedError(
                found=quoted(value), expected=f"one of {', '.join(known)}", fix=suggestion(str(value)[:80], known)
            )
        return choices(value)

    return BeforeValidator(validate)


@dataclass(frozen=True, slots=True)
class Shorthand:
    """Field metadata: a bare string stands for a table that has only `key`."""

    key: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 - pydantic's protocol
        """Turn a string into the table before the table is validated."""
        return no_info_before_validator_function(self._expanded, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A string, or the table itself."""
        return {"anyOf": [{"type": "string"}, handler(schema)]}

    def _expanded(self, value: object) -> object:
        return {self.key: value} if isinstance(value, str) else value
