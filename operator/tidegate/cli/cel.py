"""Evaluates the CEL rules of the resource, with what Kubernetes adds to the language, so that no cluster is needed.

https://kubernetes.io/docs/reference/using-api/cel/ describes the language and what is added to it.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import cel

from tidegate.cli.quantity import Quantity, is_quantity

Expression = Callable[[Mapping[str, Any]], Any]
_RESERVED = re.compile(r"\b__(\w+?)__\b")
"""A field whose name is a reserved word of CEL has underscores around it in a rule."""


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(values: list[Any]) -> str:
    return "[" + ", ".join(f'"{value}"' if isinstance(value, str) else _shown(value) for value in values) + "]"


def _formatted(text: str, values: list[Any]) -> str:
    shown = iter([_listed(value) if isinstance(value, list) else _shown(value) for value in values])
    return re.sub("%[s%]", lambda found: "%" if found[0] == "%%" else next(shown), text)


def _without_nulls(value: Any) -> Any:
    """A field that is null is none, for the API server."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _quantity(text: str) -> str:
    """Quantities stay texts, and are compared exactly: the library would make floating-point numbers of them."""
    Quantity(text)
    return text


def _compared(left: str, right: str) -> int:
    return Quantity(left).compared_to(Quantity(right))


ADDED: dict[str, Callable[..., Any]] = {
    "string": _shown,
    "format": _formatted,
    "isSorted": lambda values: values == sorted(values),
    "sum": sum,
    "quantity": _quantity,
    "isQuantity": is_quantity,
    "compareTo": _compared,
    "isLessThan": lambda left, right: _compared(left, right) < 0,
    "isInteger": lambda text: Quantity(text).is_whole,
}


@cache
def compiled(text: str) -> Expression:
    """Make a function of an expression.

    Raises
    ------
    ValueError
        If it is no CEL. A function that is not known raises RuntimeError where it is called.
    """
    program = cel.compile(_RESERVED.sub(r"\1", text))

    def evaluated(variables: Mapping[str, Any]) -> Any:
        context = cel.Context({name: _without_nulls(value) for name, value in variables.items()})
        for name, function in ADDED.items():
            context.add_function(name, function)
        return program.execute(context)

    return evaluated
