"""How a proxy names the two backends of a route: a template that each slot of each ModelDeployment fills in."""

import re
from string import Formatter

from tidegate.api.names import LETTERS, Letter, slot_service

PLACEHOLDERS = ("namespace", "name", "index", "slot", "service")
_SPECIAL = re.compile(r"[.|*+?$()\[\]{}]")
_UNUSABLE = re.compile(r'["\\^\s]')


def fill_in(template: str, namespace: str, name: str, slot: Letter) -> str:
    """The label's value for one slot of the route `namespace`/`name`.

    ``{namespace}`` and ``{name}`` are those of the ModelDeployment and of its route, ``{slot}`` is a or b, ``{index}``
    0 or 1, and ``{service}`` the name of the slot's Service.
    """
    return template.format(
        namespace=namespace, name=name, slot=slot, index=LETTERS.index(slot), service=slot_service(name, slot)
    )


def pattern(value: str) -> str:
    """Regular expression for exactly that value, without a backslash, which a query would have to write twice."""
    return _SPECIAL.sub(lambda found: f"[{found[0]}]", value)


def check_template(template: str) -> None:
    """Find out whether every slot of every ModelDeployment gets a value of its own.

    Raises
    ------
    ValueError
        If not, or if there is a placeholder nothing is known of.
    """
    _check_placeholders(template)
    value = fill_in(template, "team-a", "filetype", "a")
    if _UNUSABLE.search(value):
        raise ValueError("no blank, double quote, backslash or ^")
    if value == fill_in(template, "team-a", "filetype", "b"):
        raise ValueError("a value for each slot: put {index}, {slot} or {service} into it")
    if value == fill_in(template, "team-b", "filetype", "a"):
        raise ValueError("a value for each namespace: put {namespace} into it")
    if value == fill_in(template, "team-a", "language", "a"):
        raise ValueError("a value for each ModelDeployment: put {name} or {service} into it")


def _check_placeholders(template: str) -> None:
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"text with {known}: {error}") from error
    for _, name, specification, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or specification or conversion):
            found = "".join(
                (name, f"!{conversion}" if conversion else "", f":{specification}" if specification else "")
            )
            raise ValueError(f"no other placeholder than {known}; there is {{{found}}}")
