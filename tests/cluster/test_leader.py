"""Two real operators and a real API server: who acts, and who is kept from it."""

import asyncio
import signal
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config
from kubernetes.aio.client.configuration import Configuration

from lab import down, up
from lab.builds import kubernetes_programs
from lab.external import is_external
from lab.progress import Reporter
from tests.cluster.leader_proxy import Exchange, Proxy, proxy_to
from tests.cluster.leader_stage import NAME, Stage
from tests.operator_process import LEASE_NAME, OperatorProcess, Operators, operators_in, write_kubeconfig
from tests.waiting import until
from tidegate.api.definition import custom_resource_definition
from tidegate.api.names import KIND
from tidegate.clients.kinds import KINDS
from tidegate.clients.kube import Kube
from tidegate.clients.login import load_configuration
from tidegate.clients.transport import Transport
from tidegate.controller.handlers import OWNED_KINDS
from tidegate.controller.leader import LEAD_SECONDS, RENEW_SECONDS

LAB = "leader"
ROUTES = "httproutes.gateway.networking.k8s.io"
START_SECONDS = 60.0
TAKEOVER_SECONDS = 2.0
KILLED_SECONDS = 15.0
END_SECONDS = 10.0
SILENCE_SECONDS = 75.0
PLURALS = {KINDS[kind].plural for kind in (KIND, *OWNED_KINDS)}


@pytest.fixture(scope="module")
def kubeconfig() -> Iterator[Path]:
    """An API server of these tests' own: it has HTTPRoutes, and nobody else's ModelDeployments."""
    if is_external():
        pytest.skip("plays the parts of controllers and gateway, which a whole cluster has")
    lab = up("control-plane", name=LAB)
    api: Any = config.new_client_from_config(str(lab.kubeconfig))  # type: ignore[no-untyped-call]
    extensions: Any = client.ApiextensionsV1Api(api)
    for definition in (custom_resource_definition(), route_definition()):
        name = definition["metadata"]["name"]
        options = {"field_manager": "tests", "force": True, "_content_type": "application/apply-patch+yaml"}
        extensions.patch_custom_resource_definition(name, definition, **options)
    yield lab.kubeconfig
    down([LAB])


def route_definition() -> dict[str, Any]:
    """The HTTPRoute's definition as the lab's gateway brings it."""
    charts = kubernetes_programs(Reporter(quiet=True)) / "charts" / "gateway-helm"
    text = (charts / "charts" / "crds" / "crds" / "gatewayapi-crds.yaml").read_text()
    (found,) = [part for part in text.split("\n---\n") if f"\n  name: {ROUTES}\n" in part]
    definition: dict[str, Any] = yaml.load(found, Loader=yaml.CSafeLoader)
    return definition


@dataclass
class Theatre:
    """The stage, and operators that each reach the API server through a proxy of its own."""

    configuration: Configuration
    stage: Stage
    operators: Operators
    directory: Path
    proxies: list[Proxy]

    async def enter(self) -> tuple[OperatorProcess, Proxy]:
        """Start the next operator."""
        proxy = self.proxies.pop()
        kubeconfig = write_kubeconfig(self.directory, proxy.url)
        operator = await self.operators.start(
            kubeconfig,
            namespaces=[self.stage.namespace],
            leaderElection={"namespace": self.stage.namespace, "leaseName": LEASE_NAME},
        )
        return operator, proxy

    async def leader_and_standby(self) -> tuple[OperatorProcess, Proxy, OperatorProcess, Proxy]:
        """One that serves the ModelDeployment as ``a.example.com``, and one that stands by."""
        leader, leaders_proxy = await self.enter()
        await leader.until_leading()
        standby, standbys_proxy = await self.enter()
        await self.stage.edit("a.example.com")
        await self.stage.serving("a.example.com")
        await until(lambda: standby.said("standing by: "), "the other one stands by", START_SECONDS)
        await standby.until_ready()
        return leader, leaders_proxy, standby, standbys_proxy


@pytest.fixture
async def theatre(kubeconfig: Path, tmp_path: Path) -> AsyncIterator[Theatre]:
    configuration = await load_configuration(environ={"KUBECONFIG": str(kubeconfig)})

    async def reload() -> Configuration:
        return configuration

    namespace = f"test-{uuid.uuid4().hex[:8]}"
    core: Any = client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))  # type: ignore[no-untyped-call]
    core.create_namespace({"metadata": {"name": namespace}})
    async with (
        Kube(Transport(configuration, reload=reload)) as kube,
        proxy_to(configuration) as one,
        proxy_to(configuration) as two,
        proxy_to(configuration) as three,
        operators_in(tmp_path) as operators,
    ):
        stage = Stage(kube, namespace)
        others = asyncio.create_task(stage.play())
        yield Theatre(configuration, stage, operators, tmp_path, [one, two, three])
        assert not others.done(), f"the stand-ins broke: {others.exception()}"
        others.cancel()
        await asyncio.gather(others, return_exceptions=True)
    core.delete_namespace(namespace)


def at_work(proxy: Proxy) -> bool:
    """Whether the operator behind it has begun to reconcile."""
    return any(exchange.method == "GET" and exchange.path.endswith(f"/{NAME}") for exchange in proxy.seen)


def released(proxy: Proxy) -> list[int]:
    """Where among the exchanges the Lease was given back."""
    return [
        index
        for index, exchange in enumerate(proxy.seen)
        if exchange.writes(f"/leases/{LEASE_NAME}") and b'"holderIdentity": ""' in exchange.body
    ]


async def test_s35_a_signal_in_the_middle_of_a_reconcile(theatre: Theatre) -> None:
    leader, proxy, standby, other = await theatre.leader_and_standby()
    assert await standby.metric("tidegate_leader") == 0
    assert not at_work(other)

    async def signal_between_status_and_route(exchange: Exchange) -> None:
        if exchange.writes(f"/{NAME}/status") and b"b.example.com" in exchange.body and not signalled.done():
            leader.kill(signal.SIGTERM)
            signalled.set_result(time.monotonic())
            await asyncio.sleep(1)

    signalled = asyncio.get_running_loop().create_future()
    proxy.after = signal_between_status_and_route
    await theatre.stage.edit("b.example.com")
    began = await signalled
    assert await leader.ended() == 0
    ended = time.monotonic()
    assert ended - began < END_SECONDS
    await until(lambda: at_work(other), "the successor works", TAKEOVER_SECONDS)
    # The reconcile was carried through: the route was written, and the Lease given back after that.
    assert await theatre.stage.hostnames() == ["b.example.com"]
    (when,) = released(proxy)
    assert b"b.example.com" in proxy.answered(f"/httproutes/{NAME}")[-1].body
    assert not any(exchange.is_write for exchange in proxy.seen[when:])
    assert await standby.metric("tidegate_leader") == 1
    await theatre.stage.edit("c.example.com")
    await theatre.stage.serving("c.example.com")


async def test_s35_a_leader_that_is_killed_has_one_successor(theatre: Theatre) -> None:
    leader, _, _, _ = await theatre.leader_and_standby()
    third, _ = await theatre.enter()
    await until(lambda: third.said("standing by: "), "the third one stands by", START_SECONDS)
    leader.kill(signal.SIGKILL)
    await leader.ended()
    others = [one for one in theatre.operators.started if one is not leader]
    await until(lambda: any(one.said("leading: ") for one in others), "one of the two leads", KILLED_SECONDS)
    await theatre.stage.edit("b.example.com")
    await theatre.stage.serving("b.example.com")
    assert [await one.metric("tidegate_leader") for one in others].count(1) == 1
    assert sum(one.said("leading: ") for one in others) == 1


async def test_s36_a_leader_that_wakes_up_late_sends_nothing_more(theatre: Theatre) -> None:
    leader, proxy, standby, other = await theatre.leader_and_standby()

    async def hold_renewals(exchange: Exchange) -> None:
        if exchange.writes(f"/leases/{LEASE_NAME}"):
            held.set()
            await asyncio.Event().wait()

    async def stop_between_status_and_route(exchange: Exchange) -> None:
        if exchange.writes(f"/{NAME}/status") and not stopped.is_set():
            leader.kill(signal.SIGSTOP)
            stopped.set()

    held, stopped = asyncio.Event(), asyncio.Event()
    proxy.before, proxy.after = hold_renewals, stop_between_status_and_route
    routes = len(proxy.answered(f"/httproutes/{NAME}"))
    # The answer to its status write must still be in time when it wakes up: most of its lease passes before it sleeps.
    await held.wait()
    await asyncio.sleep(LEAD_SECONDS - RENEW_SECONDS - 1)
    await theatre.stage.edit("b.example.com")
    await stopped.wait()
    assert await theatre.stage.hostnames() == ["a.example.com"]
    await standby.until_leading(KILLED_SECONDS)
    await theatre.stage.serving("b.example.com")
    writes = sum(exchange.is_write for exchange in proxy.seen)
    leader.kill(signal.SIGCONT)
    assert await leader.ended() == 1
    assert leader.said("ending, for a restart to stand by: ")
    assert leader.said("LeadershipLost, failure 1 in a row"), "it woke up in another place than it was meant to"
    assert len(proxy.answered(f"/httproutes/{NAME}")) == routes
    assert sum(exchange.is_write for exchange in proxy.seen) == writes
    assert other.answered(f"/httproutes/{NAME}")[-1].code == 200


async def test_s36_a_write_that_was_on_its_way_is_refused_by_its_version(theatre: Theatre) -> None:
    leader, proxy, standby, _ = await theatre.leader_and_standby()
    go = asyncio.Event()

    async def hold_the_route(exchange: Exchange) -> None:
        if exchange.writes(f"/httproutes/{NAME}") and not held.done():
            leader.kill(signal.SIGSTOP)
            held.set_result(exchange)
            await go.wait()

    held: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
    proxy.before = hold_the_route
    await theatre.stage.edit("b.example.com")
    exchange = await held
    assert b"b.example.com" in exchange.body
    await theatre.stage.edit("c.example.com")
    await standby.until_leading(KILLED_SECONDS)
    await theatre.stage.serving("c.example.com")
    before = len(proxy.answered(f"/httproutes/{NAME}"))
    go.set()
    await until(lambda: len(proxy.answered(f"/httproutes/{NAME}")) > before, "the late write is answered")
    assert proxy.answered(f"/httproutes/{NAME}")[-1].code == 409
    assert await theatre.stage.hostnames() == ["c.example.com"]
    leader.kill(signal.SIGCONT)
    assert await leader.ended() == 1
    assert len(proxy.answered(f"/httproutes/{NAME}")) == before + 1
    assert await theatre.stage.hostnames() == ["c.example.com"]


async def test_s37_an_api_server_that_hangs_for_the_leader_alone(theatre: Theatre) -> None:
    leader, proxy, standby, _ = await theatre.leader_and_standby()

    async def hang(exchange: Exchange) -> None:
        await asyncio.Event().wait()

    proxy.before = hang
    began = time.monotonic()
    assert await leader.ended() == 1
    assert time.monotonic() - began < LEAD_SECONDS + 1
    assert not standby.said("leading: ")
    await standby.until_leading(KILLED_SECONDS)
    await theatre.stage.edit("b.example.com")
    await theatre.stage.serving("b.example.com")


@pytest.mark.soak
async def test_s39_silent_watches_are_opened_anew_and_what_they_missed_is_seen(theatre: Theatre) -> None:
    leader, proxy, _, _ = await theatre.leader_and_standby()
    opened: dict[str, float] = {}

    async def note(exchange: Exchange) -> None:
        collection = exchange.path.rpartition("/")[2]
        if exchange.method == "GET" and collection in PLURALS:
            opened.setdefault(collection, time.monotonic())

    proxy.silence()
    began = time.monotonic()
    await theatre.stage.edit("b.example.com")
    proxy.before = note
    await until(lambda: opened.keys() == PLURALS, "every watch is opened anew", 100)
    assert max(opened.values()) - began < SILENCE_SECONDS
    await theatre.stage.serving("b.example.com")
    assert (await leader.fetch("/healthz"))[0] == 200
    assert await leader.metric("tidegate_watch_restarts_total") == 0
