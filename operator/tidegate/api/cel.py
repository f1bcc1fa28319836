"""CEL rules of the resource, each with a sentence that says what was found, what is expected, and what to do.

A rule is preferred to the schema's own `pattern`, whose answer is the bare expression.
Language and cost limits: https://kubernetes.io/docs/reference/using-api/cel/
"""

from collections.abc import Sequence
from typing import Any

VALIDATIONS = "x-kubernetes-validations"

DECIMAL = "^[0-9]{1,9}([.][0-9]{1,9})?$"
SIGNED_DECIMAL = "^-?[0-9]{1,9}([.][0-9]{1,9})?$"
OBJECT_NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
LABEL_VALUE = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
PARENT_DIRECTORY = "(^|/)[.][.](/|$)"

Rule = dict[str, str]


def rule(expression: str, message: str, *, found: Sequence[str] = (), path: str = "") -> Rule:
    """Build one rule.

    Parameters
    ----------
    expression
        CEL that is true for what is accepted; `self` is the value the rule is attached to.
    message
        What is expected and what to do.
    found
        How to tell what was found, before `message`: a format with ``%s`` in it, then the CEL expressions that go
        there. (Only `format` brings text of unknown length, such as a number's, into a message at a known cost.)
    path
        JSONPath below `self` of the field to blame, such as ``.min``.
    """
    entry = {"rule": expression, "message": message}
    if found:
        text = quoted(f"found {found[0]}; {message.replace('%', '%%')}")
        entry["messageExpression"] = f"{text}.format([{', '.join(found[1:])}])"
    if path:
        entry["fieldPath"] = path
    return entry


def rules(*entries: Rule) -> dict[str, Any]:
    """Schema extension that attaches rules to a field or a model."""
    return {VALIDATIONS: list(entries)}


def quoted(text: str) -> str:
    """Write `text` as a CEL string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def matches(pattern: str, message: str) -> dict[str, Any]:
    """Rule for a string that must match `pattern`."""
    return rules(rule(f"self.matches({quoted(pattern)})", message, found=SELF))


SELF = ('"%s"', "self")
"""What was found: the string at hand."""


def object_name(kind: str, *, optional: bool = False) -> dict[str, Any]:
    """Rule for the name of another object; with `optional` it may be empty."""
    message = f"expected the name of a {kind}: lowercase letters, digits, '-' and '.'"
    expression = f"self.matches({quoted(OBJECT_NAME)})"
    return rules(rule(f"self == '' || {expression}" if optional else expression, message, found=SELF))


def exactly_one(what: str, *fields: str) -> dict[str, Any]:
    """Rule for an object of which exactly one field must be set."""
    present = f"[{', '.join(f'has(self.{field})' for field in fields)}].filter(given, given).size()"
    message = f"expected exactly one of: {', '.join(fields)}"
    return rules(rule(f"{present} == 1", message, found=(f"%s {what}", present)))


def decimal(condition: str, message: str, *, signed: bool = False) -> dict[str, Any]:
    """Rule for a decimal number written as a string; `condition` is CEL about `number`, the number itself."""
    pattern = quoted(SIGNED_DECIMAL if signed else DECIMAL)
    checked = f"self.matches({pattern})"
    if condition:
        checked += f" && {condition.replace('number', 'double(self)')}"
    return rules(rule(checked, message, found=SELF))


def both_decimals(first: str, second: str, condition: str) -> str:
    """CEL for `condition` about two decimal fields; true where one of them is no number, which its own rule tells."""
    pattern = quoted(SIGNED_DECIMAL)
    return (
        f"!{first}.matches({pattern}) || !{second}.matches({pattern}) || double({first}) {condition} double({second})"
    )
