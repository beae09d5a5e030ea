"""One schema for what is stored: constructor arguments and documents, checked by annotations.

The annotations of a constructor say what may be stored for it, and those of a dataclass what a
document has to hold. pydantic's core checks them, strictly: ``true`` is no number, ``"1"`` none
either. What is checked is used as it was read; nothing is converted.
"""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from vaekit.bounds import SMALLEST_LARGEST, Between, Within
from vaekit.errors import FormatError, unknown_name

_MOST_OF_A_VALUE = 80

if typing.TYPE_CHECKING:
    from pydantic_core import CoreSchema, SchemaValidator


@dataclass(frozen=True)
class _Fields:
    """What is known of the arguments of a constructor.

    Attributes:
        validator: Checks them, as a mapping.
        whole: The names of those that hold whole numbers, and the mark of each.
        names: All names.
    """

    validator: "SchemaValidator"
    whole: Mapping[str, Between | None]
    names: Collection[str]


def check_arguments(
    make: Callable[..., Any],
    values: Mapping[str, Any],
    place: str,
    called: str,
    largest: int = SMALLEST_LARGEST,
) -> None:
    """Check stored arguments of a constructor before it is called.

    Args:
        make: The class, or a function.
        values: The arguments by name; those of ``*args`` under its name.
        place: Where they are stored, as ``model.json: model.args``.
        called: What refuses them, as errors call it.
        largest: Whole numbers are at most so large, where their annotation has no mark.

    Raises:
        FormatError: Names the field, the rule and what was got.
        SpecError: An argument that there is none of; suggests the nearest.
    """
    fields = _fields_of(make)
    for name in values:
        if name not in fields.names:
            raise FormatError(
                f"{place}: {unknown_name('argument', name, fields.names or ['(none)'])} {called} "
                "refuses the stored arguments: the file is damaged or of another version."
            )
    _validate(fields.validator, values, place, f"{called} refuses the stored arguments: ")
    for name, mark in fields.whole.items():
        if name in values:
            _check_size(values[name], mark or Between(0, largest), f"{place}.{name}", called)


def check_document(kind: type, document: Any, place: str) -> dict[str, Any]:
    """Check a stored document against the fields of a dataclass; return it.

    Fields without a default must be there; others than these may be.

    Raises:
        FormatError: Names the field, the rule and what was got.
    """
    fields = _fields_of(kind)
    if not isinstance(document, dict):
        raise _no_object(document, place, fields.names)
    known = {name: value for name, value in document.items() if name in fields.names}
    _validate(fields.validator, known, place, "")
    for name, mark in fields.whole.items():
        if name in document and mark is not None:
            _check_size(document[name], mark, f"{place}.{name}", place)
    return document


def _no_object(document: Any, place: str, names: Collection[str]) -> FormatError:
    return FormatError(
        f"{place} must be an object with {sorted(names)}; got {shown(document)}. The file is "
        "damaged or foreign: get a sound copy."
    )


def shown(value: Any) -> str:
    """A value in an error, short and on one line.

    Example:
        >>> shown("x" * 100)
        "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."
    """
    if not isinstance(value, None | bool | int | float | str | list | tuple | dict):
        return f"a {type(value).__name__}"
    try:
        text = ascii(value) if isinstance(value, str) else repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        return "a whole number of thousands of digits"
    text = " ".join(text.split())
    return text if len(text) <= _MOST_OF_A_VALUE else f"{text[:_MOST_OF_A_VALUE]}..."


def _validate(
    validator: "SchemaValidator", values: Mapping[str, Any], place: str, who: str
) -> None:
    from pydantic_core import ValidationError

    try:
        validator.validate_python(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "".join(_step(step) for step in first["loc"])
        got = "" if first["type"] == "missing" else f"; got {shown(first['input'])}"
        raise FormatError(
            f"{place}{where} must be {_rule(first)}{got}. {who}{_ADVICE[not who]}"
        ) from None


_ADVICE = (
    "the file is damaged or of another version.",
    "The file is damaged or of another version: get a sound copy.",
)


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.isidentifier() else f"[{shown(step)}]"


_RULES = {
    "missing": "given",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_unicode": "text of valid characters",
    "tuple_type": "a list",
    "dict_type": "an object",
    "none_required": "null",
    "callable_type": "a part that can be called",
}


def _rule(error: Any) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "is_instance_of":
        return f"a {context['class']}"
    if kind == "literal_error":
        return str(context["expected"])
    if kind in ("too_short", "too_long"):
        return f"a list of {context.get('min_length', context.get('max_length'))}"
    return _RULES.get(kind, str(error["msg"]).removeprefix("Input should be "))


def _check_size(value: Any, mark: Between, place: str, called: str) -> None:
    for number in _whole_numbers(value):
        if not mark.least <= number <= mark.largest:
            raise FormatError(
                f"{place} must be from {mark.least} to {mark.largest}; got {shown(number)}. "
                f"{called} refuses the stored arguments: no sound file of this size has such a "
                "number."
            )


def _whole_numbers(value: Any) -> Iterator[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _whole_numbers(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _whole_numbers(item)


@functools.cache
def _fields_of(make: Callable[..., Any]) -> _Fields:
    from pydantic_core import SchemaValidator, core_schema

    call: Any = make.__init__ if inspect.isclass(make) else make
    hints = _hints(call)
    schemas, whole = {}, {}
    for parameter in _parameters(make):
        hint = hints.get(parameter.name, Any)
        spread = parameter.kind is parameter.VAR_POSITIONAL
        hint = Sequence[hint] if spread else hint  # type: ignore[valid-type]
        required = parameter.default is parameter.empty and not spread
        schemas[parameter.name] = core_schema.typed_dict_field(_schema(hint), required=required)
        if _has_whole_numbers(hint):
            whole[parameter.name] = _mark(hint)
    schema = core_schema.typed_dict_schema(schemas)
    return _Fields(SchemaValidator(schema), whole, list(schemas))


def _parameters(make: Callable[..., Any]) -> list[inspect.Parameter]:
    if inspect.isclass(make) and make.__init__ in (object.__init__, nn.Module.__init__):
        return []  # a part that takes nothing
    found = inspect.signature(make).parameters.values()
    return [parameter for parameter in found if parameter.kind is not parameter.VAR_KEYWORD]


def _hints(call: Any) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(call, include_extras=True)
    except (NameError, TypeError, AttributeError):  # names that exist for type checkers alone
        return {}


def _schema(hint: Any) -> "CoreSchema":
    """Return the schema of an annotation; what it does not know may be anything."""
    from pydantic_core import core_schema as core

    if hint in _SIMPLE:
        return _SIMPLE[hint]()
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        limits = next((mark for mark in hint.__metadata__ if isinstance(mark, Within)), None)
        return _schema(inner[0]) if limits is None else _number_within(limits)
    if origin in (typing.Union, types.UnionType):
        return _union(inner)
    if origin is typing.Literal:
        return core.literal_schema(list(inner))
    return _schema_of_class(hint) if origin is None else _schema_of_several(origin, inner)


def _number_within(limits: Within) -> "CoreSchema":
    from pydantic_core import core_schema as core

    return core.float_schema(
        strict=True, allow_inf_nan=False, ge=limits.least, le=limits.most, gt=limits.above
    )


def _schema_of_class(hint: Any) -> "CoreSchema":
    from pydantic_core import core_schema as core

    if inspect.isclass(hint) and not getattr(hint, "_is_protocol", False):
        return core.is_instance_schema(hint, cls_repr=hint.__name__)
    return core.any_schema()


def _schema_of_several(origin: Any, inner: Sequence[Any]) -> "CoreSchema":
    from pydantic_core import core_schema as core

    if origin is Callable:
        return core.callable_schema()
    if origin is tuple and inner[-1:] != (...,):
        return core.tuple_schema([_schema(item) for item in inner])
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return core.dict_schema(_schema(inner[0]), _schema(inner[1]))
    if inspect.isclass(origin) and issubclass(origin, Sequence):
        return core.tuple_schema([_schema(inner[0])], variadic_item_index=0)
    return core.any_schema()


def _simple(name: str) -> "Callable[[], CoreSchema]":
    def make() -> "CoreSchema":
        from pydantic_core import core_schema as core

        if name == "float":
            return core.float_schema(strict=True, allow_inf_nan=False)
        if name == "int":
            return core.int_schema(strict=True)
        if name == "bool":
            return core.bool_schema(strict=True)
        if name == "str":
            return core.str_schema(strict=True)
        return core.any_schema() if name == "any" else core.none_schema()

    return make


_SIMPLE: dict[Any, "Callable[[], CoreSchema]"] = {
    int: _simple("int"),
    float: _simple("float"),
    bool: _simple("bool"),
    str: _simple("str"),
    None: _simple("none"),
    type(None): _simple("none"),
    Any: _simple("any"),
}


def _union(members: Sequence[Any]) -> "CoreSchema":
    from pydantic_core import core_schema as core

    chosen = [member for member in members if member is not type(None)]
    if len(chosen) == 1:
        return core.nullable_schema(_schema(chosen[0]))
    words = " or ".join(_words(member) for member in members)
    return core.union_schema(
        [_schema(member) for member in members],
        custom_error_type="union",
        custom_error_message=words.replace("{", "(").replace("}", ")"),
    )


_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def _words(hint: Any) -> str:
    if hint in _WORDS:
        return _WORDS[hint]
    if hint is type(None):
        return "null"
    origin = typing.get_origin(hint)
    if inspect.isclass(origin):
        return "an object" if issubclass(origin, Mapping) else "a list"
    return f"a {hint.__name__}" if inspect.isclass(hint) else "another value"


def _has_whole_numbers(hint: Any) -> bool:
    if hint is int:
        return True
    return any(_has_whole_numbers(inner) for inner in typing.get_args(hint))


def _mark(hint: Any) -> Between | None:
    """Return the mark of the whole numbers in an annotation, however deep it stands."""
    if isinstance(hint, Between):
        return hint
    marks = [_mark(inner) for inner in typing.get_args(hint)]
    if typing.get_origin(hint) is typing.Annotated:
        marks += [item for item in hint.__metadata__ if isinstance(item, Between)]
    return next((mark for mark in marks if mark is not None), None)
