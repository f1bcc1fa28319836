"""Which steps were run for the present start of a lab."""

import json

from lab.instance import Instance


class Ledger:
    """The steps that were run for the present start of a lab, each with a key of its inputs."""

    def __init__(self, instance: Instance) -> None:
        self.file = instance.state / "steps.json"

    def read(self) -> dict[str, str]:
        """Return step name to key."""
        steps: dict[str, str] = json.loads(self.file.read_text()) if self.file.is_file() else {}
        return steps

    def done(self, step: str, key: str) -> bool:
        """Return whether the step was run with these inputs."""
        return self.read().get(step) == key

    def record(self, step: str, key: str) -> None:
        """Note that the step was run."""
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps({**self.read(), step: key}, indent=1))
        partial.rename(self.file)
