"""The operator's process: put the parts together, run until told to stop, end in good order."""

import argparse
import asyncio
import importlib.metadata
import logging
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from tidegate.clients.errors import TidegateError
from tidegate.clients.kube import Kube
from tidegate.clients.login import load_configuration
from tidegate.clients.prometheus import Prometheus
from tidegate.clients.triton import TritonServers
from tidegate.controller.act import Actor
from tidegate.controller.health import HealthServer, all_of, queue_moves, watch_is_tended
from tidegate.controller.leader import ATTEMPT_SECONDS, Elector, Leadership, Sole
from tidegate.controller.logs import configure_logging
from tidegate.controller.measure import Measurer
from tidegate.controller.metrics import Metrics
from tidegate.controller.queue import WorkQueue
from tidegate.controller.reconciler import Reconciler
from tidegate.controller.replica import Replica
from tidegate.controller.resync import Resync
from tidegate.controller.settings import (
    CONFIGURATION_VARIABLE,
    LeaseKey,
    Settings,
    SettingsError,
    lease_of,
    load_settings,
)
from tidegate.controller.watch import Watcher
from tidegate.gateways import Gateways

# Not __name__: that is __main__ when run as a module.
logger = logging.getLogger("tidegate.controller.main")

VERSION = importlib.metadata.version("tidegate")
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run() -> NoReturn:
    """Be the process: as `main`, but end at once. A thread that waits for Prometheus would hold up the end for long."""
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the operator; gives the exit code: 0 after a signal, 1 if it broke, 2 if it cannot start as configured."""
    parser = argparse.ArgumentParser(prog="tidegate-operator", description="The Tidegate operator.")
    parser.add_argument("--config", metavar="FILE", help=f"configuration file (default: ${CONFIGURATION_VARIABLE})")
    parser.add_argument("--context", help="context of the kubeconfig (default: its current one)")
    parser.add_argument("--version", action="version", version=f"tidegate {VERSION}")
    arguments = parser.parse_args(argv)
    try:
        settings = load_settings(arguments.config)
        lease = lease_of(settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    configure_logging(settings.log_level)
    try:
        return asyncio.run(operate(settings, lease, arguments.context))
    except TidegateError as error:
        logger.error("cannot start: %s", error)
        return 2


async def operate(settings: Settings, lease: LeaseKey | None, context: str | None = None) -> int:
    """Run until SIGTERM or SIGINT, or until something breaks that is not expected to.

    Parameters
    ----------
    lease
        Namespace and name of the Lease by which replicas take turns; None where this is the only one.

    Returns
    -------
    The process's exit code.

    Raises
    ------
    LoginFailed
        If there is no cluster to log in to.
    """
    metrics = Metrics()
    connect = partial(Kube.connect, context, observe=metrics.observe_api_request)
    async with (
        # Connections of its own: the Lease must not wait behind other requests, and is written without being asked for.
        await connect(timeout=ATTEMPT_SECONDS) as election,
        connect_prometheus(settings, metrics) as prometheus,
    ):
        leader: Leadership = Sole() if lease is None else Elector(election, *lease)
        async with await connect(guard=leader.check) as kube:
            logger.info(
                "tidegate %s: for %s, counting on %s",
                VERSION,
                ", ".join(settings.namespaces) or "all namespaces",
                prometheus.address,
            )
            return await _run(settings, context, metrics, leader, kube, prometheus)


async def _run(
    settings: Settings,
    context: str | None,
    metrics: Metrics,
    leader: Leadership,
    kube: Kube,
    prometheus: Prometheus,
) -> int:
    measurer = Measurer(prometheus, Gateways(gateway.profile() for gateway in settings.gateways))
    actor = Actor(kube, default_image=settings.runtimes.triton.image)
    reconciler = Reconciler(kube, measurer, actor, metrics, servers=TritonServers())
    queue = WorkQueue(reconciler.reconcile, metrics, workers=settings.workers)
    watcher = Watcher(kube, queue.add, lambda: load_configuration(context), metrics, namespaces=settings.namespaces)
    resync = Resync(kube, queue, namespaces=settings.namespaces, period=settings.resync_seconds)
    replica = Replica(leader, queue, watcher, resync)

    def refresh() -> None:
        metrics.leader.set(leader.leading)
        metrics.queue_standstill_seconds.set(queue.standstill())
        metrics.watch_standstill_seconds.set(watcher.standstill())

    alive = all_of(queue_moves(queue.standstill), watch_is_tended(watcher.standstill))
    health = HealthServer(metrics, alive=alive, ready=replica.ready, refresh=refresh)
    await health.start(settings.metrics_port)
    try:
        return await replica.run(_stop_event())
    finally:
        await health.stop()


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def connect_prometheus(settings: Settings, metrics: Metrics) -> Prometheus:
    """Client of the Prometheus that the settings name."""
    section = settings.prometheus
    return Prometheus(
        section.url,
        bearer_token_file=section.bearer_token_file,
        ca_file=section.ca_file,
        headers=section.headers,
        timeout=section.timeout_seconds,
        observe=metrics.observe_query,
    )


if __name__ == "__main__":
    run()
