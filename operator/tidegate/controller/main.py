"""The operator's process: put the parts together, run until told to stop, end in good order."""

import argparse
import asyncio
import importlib.metadata
import logging
import signal
import sys
from collections.abc import Sequence

from tidegate.clients.errors import TidegateError
from tidegate.clients.kube import Kube
from tidegate.clients.login import load_configuration
from tidegate.clients.prometheus import Prometheus
from tidegate.controller.act import Actor
from tidegate.controller.health import HealthServer, queue_moves
from tidegate.controller.logs import configure_logging
from tidegate.controller.measure import Measurer
from tidegate.controller.metrics import Metrics
from tidegate.controller.queue import WorkQueue
from tidegate.controller.reconciler import Reconciler
from tidegate.controller.resync import Resync
from tidegate.controller.settings import CONFIGURATION_VARIABLE, Settings, SettingsError, load_settings
from tidegate.controller.watch import Watcher
from tidegate.gateways import ENVOY_GATEWAY

# Not __name__: that is __main__ when run as a module.
logger = logging.getLogger("tidegate.controller.main")

VERSION = importlib.metadata.version("tidegate")
# Kubernetes' own patience is 30 s; a successor should not have to wait for much of it.
FINISH_SECONDS = 8.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the operator; gives the exit code: 0 after a signal, 1 if it broke, 2 if it cannot start as configured."""
    parser = argparse.ArgumentParser(prog="tidegate-operator", description="The Tidegate operator.")
    parser.add_argument("--config", metavar="FILE", help=f"configuration file (default: ${CONFIGURATION_VARIABLE})")
    parser.add_argument("--context", help="context of the kubeconfig (default: its current one)")
    parser.add_argument("--version", action="version", version=f"tidegate {VERSION}")
    arguments = parser.parse_args(argv)
    try:
        settings = load_settings(arguments.config)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    configure_logging(settings.log_level)
    try:
        return asyncio.run(operate(settings, arguments.context))
    except TidegateError as error:
        logger.error("cannot start: %s", error)
        return 2


async def operate(settings: Settings, context: str | None = None) -> int:
    """Run until SIGTERM or SIGINT, or until something breaks that is not expected to.

    Returns
    -------
    The process's exit code.

    Raises
    ------
    LoginFailed
        If there is no cluster to log in to.
    """
    metrics = Metrics()
    async with (
        await Kube.connect(context, observe=metrics.observe_api_request) as kube,
        connect_prometheus(settings, metrics) as prometheus,
    ):
        reconciler = Reconciler(
            kube,
            Measurer(prometheus, ENVOY_GATEWAY),
            Actor(kube, default_image=settings.runtimes.triton.image),
            metrics,
        )
        queue = WorkQueue(reconciler.reconcile, metrics, workers=settings.workers)
        watcher = Watcher(kube, queue.add, lambda: load_configuration(context), metrics, namespaces=settings.namespaces)
        resync = Resync(kube, queue, namespaces=settings.namespaces, period=settings.resync_seconds)
        health = HealthServer(
            metrics,
            alive=queue_moves(queue.standstill),
            ready=lambda: None if watcher.watching and resync.synced else "not watching yet",
            refresh=lambda: metrics.queue_standstill_seconds.set(queue.standstill()),
        )
        await health.start(settings.metrics_port)
        queue.start()
        logger.info(
            "tidegate %s: watching %s, counting on %s",
            VERSION,
            ", ".join(settings.namespaces) or "all namespaces",
            prometheus.address,
        )
        try:
            return await _until_stopped(queue, watcher, resync)
        finally:
            await health.stop()


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


async def _until_stopped(queue: WorkQueue, watcher: Watcher, resync: Resync) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    stopped = asyncio.create_task(stop.wait(), name="signal")
    parts = [
        asyncio.create_task(watcher.run(), name="watch"),
        asyncio.create_task(resync.run(), name="resync"),
    ]
    done, _ = await asyncio.wait([stopped, *parts], return_when=asyncio.FIRST_COMPLETED)
    broken = [task for task in done if task is not stopped]
    for task in broken:
        logger.critical("%s ended, which it never should", task.get_name(), exc_info=task.exception())
    for task in (stopped, *parts):
        task.cancel()
    await asyncio.gather(stopped, *parts, return_exceptions=True)
    if not await queue.stop(FINISH_SECONDS):
        logger.warning(
            "reconciles were broken off after %g s; the next operator repairs what they left", FINISH_SECONDS
        )
    logger.info("stopped")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
