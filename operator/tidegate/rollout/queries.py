"""The user's own PromQL: its placeholders filled in."""

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def fill_in(query: str, values: Mapping[str, str]) -> str:
    """Replace ``{{ name }}`` by its value, escaped for a PromQL string in double quotes.

    Raises
    ------
    ValueError
        When the query names a placeholder that does not exist; the message lists those that do.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            known = ", ".join(f"{{{{ {key} }}}}" for key in values)
            raise ValueError(f"found the placeholder {{{{ {name} }}}}, expected one of {known}")
        return values[name].replace("\\", "\\\\").replace('"', '\\"')

    return PLACEHOLDER.sub(value, query)
