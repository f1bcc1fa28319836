"""The gateways that are known: profiles by the name of the controller that runs a Gateway."""

from collections.abc import Iterable, Sequence

from tidegate.gateways.profiles import ENVOY_GATEWAY, GatewayProfile

BUILT_IN = (ENVOY_GATEWAY,)
REMEDY = (
    "attach it to Gateways of one known controller, or have an administrator describe what runs it under `gateways` in "
    "the operator's configuration"
)


class Gateways:
    """The profiles built in, and those configured.

    Parameters
    ----------
    configured
        Each replaces the one that is built in for the same controller.
    """

    def __init__(self, configured: Iterable[GatewayProfile] = ()) -> None:
        self._profiles = {profile.controller_name: profile for profile in (*BUILT_IN, *configured)}

    @property
    def known(self) -> tuple[str, ...]:
        """Names of the controllers there are profiles of."""
        return tuple(sorted(self._profiles))

    def profile_of(self, controllers: Sequence[str]) -> GatewayProfile | None:
        """The one profile that fits every controller a route is run by; None where there is none, or no controller."""
        found = {name: self._profiles.get(name) for name in controllers}
        first = next(iter(found.values()), None)
        return first if all(profile == first for profile in found.values()) else None

    def why_not(self, controllers: Sequence[str]) -> str:
        """Why the requests of a route cannot be counted; empty where they can, or while no controller has answered."""
        if not controllers or self.profile_of(controllers) is not None:
            return ""
        by, unknown = _listed(controllers), [name for name in controllers if name not in self._profiles]
        if not unknown:
            return f"the route is run by {by}, whose requests are not counted alike; {REMEDY}"
        of = "it" if len(controllers) == 1 else _listed(unknown)
        return f"the route is run by {by}, and no profile of {of} is known, only of {_listed(self.known)}; {REMEDY}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
