"""Ask the model servers what they take and give, where the step under way wants to know."""

import asyncio
from typing import Protocol

from tidegate.api.names import Letter, slot_service
from tidegate.clients.errors import ServerUnavailable
from tidegate.rollout.observation import Observation
from tidegate.rollout.resource import Resource
from tidegate.rollout.steps.schema import revisions_to_ask
from tidegate.runtimes.base import HTTP_PORT
from tidegate.runtimes.signature import Signature


class Servers(Protocol):
    """What this module needs of a client of model servers."""

    async def signature(self, address: str, model: str) -> Signature:
        """What a model takes and gives at a server (host:port)."""


async def ask_signatures(servers: Servers, resource: Resource, seen: Observation) -> dict[str, Signature | str]:
    """What each revision asked about takes and gives, or why that is not known; empty where nobody wants to know."""
    asked = revisions_to_ask(resource.status)
    answers = await asyncio.gather(*(_ask(servers, resource, seen, name, letter) for name, letter in asked.items()))
    return dict(zip(asked, answers, strict=True))


async def _ask(
    servers: Servers, resource: Resource, seen: Observation, revision: str, letter: Letter
) -> Signature | str:
    if seen.selected.get(letter) != revision or seen.endpoints.get(letter, 0) == 0:
        return "no pod of it is ready"
    owner = resource.owner
    address = f"{slot_service(owner.name, letter)}.{owner.namespace}:{HTTP_PORT}"
    try:
        return await servers.signature(address, resource.spec.model.name or owner.name)
    except ServerUnavailable as error:
        return str(error)
