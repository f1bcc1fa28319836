"""Evaluates the CEL rules of the resource, as far as they use the language: so a file is checked without a cluster.

https://kubernetes.io/docs/reference/using-api/cel/ describes the language and what Kubernetes adds to it.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from tidegate.cli.quantity import Quantity, is_quantity

Env = Mapping[str, Any]
Expression = Callable[[Env], Any]


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """As RE2 has it: a dollar is the end of the text, not of its last line."""
    return re.compile(re.sub(r"\$(?=\)|$)", r"\\Z", text))


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _formatted(text: str, values: list[Any]) -> str:
    shown = iter([_listed(value) if isinstance(value, list) else _shown(value) for value in values])
    return re.sub("%[s%]", lambda found: "%" if found[0] == "%%" else next(shown), text)


def _listed(values: list[Any]) -> str:
    return "[" + ", ".join(f'"{value}"' if isinstance(value, str) else _shown(value) for value in values) + "]"


_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<sign>&&|\|\||[=!<>]=|[-+!<>?:.,()\[\]]))"""
)
_LITERALS = {"true": True, "false": False, "null": None}
_MACROS = ("all", "exists", "exists_one", "filter", "map")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "in": lambda left, right: left in right,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "string": _shown,
    "double": float,
    "quantity": Quantity,
    "isQuantity": is_quantity,
}
_METHODS: dict[str, Callable[..., Any]] = {
    "size": len,
    "matches": lambda text, pattern: _pattern(pattern).search(text) is not None,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": lambda text, part: part in text,
    "isSorted": lambda values: values == sorted(values),
    "sum": sum,
    "format": _formatted,
    "compareTo": lambda left, right: left.compared_to(right),
    "isLessThan": lambda left, right: left.compared_to(right) < 0,
    "isInteger": lambda number: number.is_whole,
}


@cache
def compiled(text: str) -> Expression:
    """Make a function of an expression.

    Raises
    ------
    ValueError
        If it uses what is not known here.
    """
    return _Parser(text).whole()


class _Parser:
    """Recursive descent; every method takes one construct and gives its function."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._tokens = self._split()

    def _split(self) -> list[tuple[str, str]]:
        found, at, end = [], 0, len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None:
                raise ValueError(f"found {self._text[at:]!r} in a rule; expected CEL that is known here")
            found.append((str(match.lastgroup), match[str(match.lastgroup)]))
            at = match.end()
        return [*found, ("end", "")]

    def whole(self) -> Expression:
        """The expression from end to end."""
        found = self._choice()
        if self._kind != "end":
            raise ValueError(f"found {self._value!r} in rule {self._text!r}; expected its end")
        return found

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def _value(self) -> str:
        return self._tokens[self._at][1]

    def _is(self, value: str) -> bool:
        return self._kind in ("sign", "name") and self._value == value

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _skip(self, value: str) -> bool:
        if self._is(value):
            self._at += 1
            return True
        return False

    def _require(self, value: str) -> None:
        if not self._skip(value):
            raise ValueError(f"found {self._value!r} in rule {self._text!r}; expected {value!r}")

    def _choice(self) -> Expression:
        condition = self._or()
        if not self._skip("?"):
            return condition
        yes = self._choice()
        self._require(":")
        no = self._choice()
        return lambda env: yes(env) if condition(env) else no(env)

    def _or(self) -> Expression:
        left = self._and()
        while self._skip("||"):
            left = _either(left, self._and())
        return left

    def _and(self) -> Expression:
        left = self._comparison()
        while self._skip("&&"):
            left = _both(left, self._comparison())
        return left

    def _comparison(self) -> Expression:
        left = self._unary()
        while self._kind in ("sign", "name") and self._value in _COMPARISONS:
            left = _compared(_COMPARISONS[self._take()], left, self._unary())
        return left

    def _unary(self) -> Expression:
        if self._skip("!"):
            inner = self._unary()
            return lambda env: not inner(env)
        if self._skip("-"):
            number = self._unary()
            return lambda env: -number(env)
        return self._chain()

    def _chain(self) -> Expression:
        found = self._primary()
        while True:
            if self._skip("."):
                found = self._member(found)
            elif self._skip("["):
                found = _indexed(found, self._choice())
                self._require("]")
            else:
                return found

    def _member(self, of: Expression) -> Expression:
        name = self._take()
        if not self._is("("):
            return _field(of, name)
        if name in _MACROS:
            return self._macro(of, name)
        return _called(_METHODS, name, [of, *self._arguments("(", ")")])

    def _macro(self, of: Expression, name: str) -> Expression:
        self._require("(")
        variable = self._take()
        self._require(",")
        body = self._choice()
        self._require(")")

        def each(env: Env) -> list[tuple[Any, Any]]:
            return [(item, body({**env, variable: item})) for item in of(env)]

        results: dict[str, Expression] = {
            "all": lambda env: all(found for _, found in each(env)),
            "exists": lambda env: any(found for _, found in each(env)),
            "exists_one": lambda env: sum(1 for _, found in each(env) if found) == 1,
            "filter": lambda env: [item for item, found in each(env) if found],
            "map": lambda env: [found for _, found in each(env)],
        }
        return results[name]

    def _arguments(self, opening: str, closing: str) -> list[Expression]:
        self._require(opening)
        found = []
        while not self._skip(closing):
            found.append(self._choice())
            if not self._is(closing):
                self._require(",")
        return found

    def _primary(self) -> Expression:
        if self._skip("("):
            inner = self._choice()
            self._require(")")
            return inner
        if self._is("["):
            items = self._arguments("[", "]")
            return lambda env: [item(env) for item in items]
        kind, value = self._kind, self._take()
        if kind == "name":
            return self._named(value)
        if kind not in ("number", "text"):
            raise ValueError(f"found {value!r} in rule {self._text!r}; expected a value")
        constant = _unquoted(value) if kind == "text" else float(value) if "." in value else int(value)
        return lambda env: constant

    def _named(self, name: str) -> Expression:
        if name in _LITERALS:
            return lambda env: _LITERALS[name]
        if name == "has":
            (field,) = self._arguments("(", ")")
            return lambda env: _present(field, env)
        if self._is("("):
            return _called(_FUNCTIONS, name, self._arguments("(", ")"))
        return lambda env: env[name]


def _either(left: Expression, right: Expression) -> Expression:
    return lambda env: left(env) or right(env)


def _both(left: Expression, right: Expression) -> Expression:
    return lambda env: left(env) and right(env)


def _compared(compare: Callable[[Any, Any], bool], left: Expression, right: Expression) -> Expression:
    return lambda env: compare(left(env), right(env))


def _indexed(of: Expression, key: Expression) -> Expression:
    return lambda env: of(env)[key(env)]


def _field(of: Expression, name: str) -> Expression:
    # A reserved word of CEL has underscores around it.
    plain = re.fullmatch("__(.+)__", name)
    key = plain[1] if plain else name
    return lambda env: of(env)[key]


def _called(known: Mapping[str, Callable[..., Any]], name: str, arguments: list[Expression]) -> Expression:
    if name not in known:
        raise ValueError(f"found {name}() in a rule; expected one of {', '.join(sorted(known))}")
    function = known[name]
    return lambda env: function(*(argument(env) for argument in arguments))


def _present(field: Expression, env: Env) -> bool:
    try:
        return field(env) is not None
    except KeyError:
        return False


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])
