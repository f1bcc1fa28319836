"""What the operator tells about itself under /metrics."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tidegate.rollout.figures import Figure

Key = tuple[str, str]
# Not "namespace": that is what a scrape calls the operator's own.
EVIDENCE_LABELS = ("modeldeployment_namespace", "modeldeployment", *Figure._fields)
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """One registry and everything in it; a test or a second operator in the process has one of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconciles = Counter(
            "tidegate_reconcile_total",
            "Reconciles by result: success, or the error that ended them.",
            ["result"],
            registry=self.registry,
        )
        self.reconcile_seconds = Histogram(
            "tidegate_reconcile_seconds", "Duration of a reconcile.", buckets=SECONDS, registry=self.registry
        )
        self.api_requests = Counter(
            "tidegate_api_requests_total",
            "Requests to the API server by verb, kind and HTTP code (error: no answer).",
            ["verb", "kind", "code"],
            registry=self.registry,
        )
        self.prometheus_queries = Counter(
            "tidegate_prometheus_queries_total",
            "Queries to Prometheus by result: ok, error (refused query), or why there was no answer.",
            ["result"],
            registry=self.registry,
        )
        self.rollouts = Counter(
            "tidegate_rollouts_total", "Rollouts ended, by outcome.", ["outcome"], registry=self.registry
        )
        self.verdicts = Counter(
            "tidegate_verdicts_total", "Verdicts by kind and reason.", ["verdict", "reason"], registry=self.registry
        )
        self.watch_restarts = Counter(
            "tidegate_watch_restarts_total", "Times watching had to be started anew.", registry=self.registry
        )
        self.watch_standstill_seconds = Gauge(
            "tidegate_watch_standstill_seconds",
            "How long no watch has been opened anew, which each of them is every few minutes.",
            registry=self.registry,
        )
        self.leader = Gauge(
            "tidegate_leader", "1 while this replica leads, 0 while it stands by.", registry=self.registry
        )
        self._define_evidence()
        self._define_queue()

    def _define_evidence(self) -> None:
        self.harmed_requests = Counter(
            "tidegate_harmed_requests_total",
            "Bad requests of candidates beyond stable's rate, counted when their rollout ends, by what was bad.",
            ["metric"],
            registry=self.registry,
        )
        self.evidence_ratio = Gauge(
            "tidegate_evidence_ratio",
            "Evidence in a rollout under way, as a share of the line at which it decides: 1 is enough.",
            EVIDENCE_LABELS,
            registry=self.registry,
        )
        self._shown: dict[Key, set[Figure]] = {}

    def show_evidence(self, key: Key, ratios: Mapping[Figure, float]) -> None:
        """Show these ratios of the ModelDeployment (namespace, name), and no others of it."""
        for gone in self._shown.pop(key, set()) - ratios.keys():
            self.evidence_ratio.remove(*key, *gone)
        for figure, ratio in ratios.items():
            self.evidence_ratio.labels(*key, *figure).set(ratio)
        if ratios:
            self._shown[key] = set(ratios)

    def _define_queue(self) -> None:
        self.queue_depth = Gauge(
            "tidegate_queue_depth", "ModelDeployments that wait for a worker.", registry=self.registry
        )
        self.queue_latency_seconds = Histogram(
            "tidegate_queue_latency_seconds",
            "Time from becoming due until a worker takes it up.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.queue_in_progress = Gauge(
            "tidegate_queue_in_progress", "ModelDeployments being reconciled.", registry=self.registry
        )
        self.queue_retries = Counter(
            "tidegate_queue_retries_total", "Reconciles that failed and were put back.", registry=self.registry
        )
        self.queue_standstill_seconds = Gauge(
            "tidegate_queue_standstill_seconds",
            "How long work has been waiting without any reconcile ending.",
            registry=self.registry,
        )

    def observe_api_request(self, verb: str, kind: str, code: str) -> None:
        """Count one exchange with the API server."""
        self.api_requests.labels(verb=verb, kind=kind, code=code).inc()

    def observe_query(self, result: str) -> None:
        """Count one query to Prometheus."""
        self.prometheus_queries.labels(result=result).inc()
