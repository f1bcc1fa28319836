"""Gateway profiles: which of the proxy's series say how many requests a slot finished and how many went wrong.

Envoy's statistics: https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate.api.names import LETTERS, Letter
from tidegate.gateways.template import fill_in, pattern
from tidegate.judge.rules import Metric


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """A histogram of the times requests took, in Prometheus' classic form.

    Attributes
    ----------
    buckets, count
        Names of its cumulative buckets and of the number of all.
    edge_label
        The label that says where a bucket ends.
    milliseconds
        What 1 in that label means.
    """

    buckets: str
    count: str
    edge_label: str = "le"
    milliseconds: float = 1.0


@dataclass(frozen=True, kw_only=True)
class GatewayProfile:
    """How to read the proxies of one gateway.

    Attributes
    ----------
    controller_name
        The controller that runs such gateways, as it signs the status of a route. Two profiles that differ in nothing
        else are equal: their proxies are read alike.
    presence
        A gauge each proxy exposes in every scrape as one series of value 1, whatever its traffic: its samples say when
        the proxy was scraped.
    finished, errors, abandoned, timeouts
        Names of the counters: requests finished; those answered 5xx (with `errors_labels`); those whose client gave up
        waiting; and the proxy's own time-outs, which `abandoned` contains though they are already answered 504.
    client_errors
        Requests answered 4xx (with `client_errors_labels`); empty where the proxy does not tell.
    latency
        Histogram of the time from a request to its answer; None where the proxy has none.
    in_flight
        Gauge of the requests under way; empty where the proxy has none.
    backend_label, backend_value
        The label that tells backends apart, and the template of its value (`tidegate.gateways.template`).
    """

    controller_name: str = field(compare=False)
    presence: str
    finished: str
    errors: str
    errors_labels: Mapping[str, str] = field(default_factory=dict)
    abandoned: tuple[str, ...] = ()
    timeouts: tuple[str, ...] = ()
    client_errors: str = ""
    client_errors_labels: Mapping[str, str] = field(default_factory=dict)
    latency: Histogram | None = None
    in_flight: str = ""
    backend_label: str
    backend_value: str

    @property
    def metrics(self) -> frozenset[Metric]:
        """What can be judged by the proxies' series."""
        told = {Metric.ClientErrors: bool(self.client_errors), Metric.Latency: self.latency is not None}
        return frozenset(metric for metric in Metric if told.get(metric, True))

    def backend(self, namespace: str, name: str, slot: Letter) -> str:
        """Value of `backend_label` for one slot of the route `namespace`/`name`."""
        return fill_in(self.backend_value, namespace, name, slot)

    def query(
        self, namespace: str, name: str, seconds: int, *, latency: bool = False, edge: float | None = None
    ) -> str:
        """One PromQL range selector for all raw samples of both slots and of the proxies' presence.

        An empty alternative in a matcher also matches series without the label: so the presence series come in the
        same answer, from the same moment.

        Parameters
        ----------
        latency
            Ask for the histogram too.
        edge
            Of its buckets only the one that ends there, in milliseconds; None for all.
        """
        counters = (self.presence, self.finished, self.errors, *self.abandoned, *self.timeouts, self.client_errors)
        histogram = (self.latency.buckets, self.latency.count) if latency and self.latency else ()
        names = "|".join(dict.fromkeys(filter(None, (*counters, self.in_flight, *histogram))))
        backends = "|".join(pattern(self.backend(namespace, name, slot)) for slot in LETTERS)
        matchers = [f'__name__=~"{names}"', f'{self.backend_label}=~"({backends})?"']
        if latency and self.latency and edge is not None:
            matchers.append(f'{self.latency.edge_label}=~"({_edge_pattern(edge / self.latency.milliseconds)})?"')
        return f"{{{','.join(matchers)}}}[{seconds}s]"


def _edge_pattern(edge: float) -> str:
    """Regular expression for the label of an edge: some write 250, some 250.0."""
    whole, _, rest = f"{edge:.9f}".rstrip("0").partition(".")
    return f"{whole}[.]{rest}0*" if rest else f"{whole}([.]0+)?"


ENVOY_GATEWAY = GatewayProfile(
    controller_name="gateway.envoyproxy.io/gatewayclass-controller",
    presence="envoy_server_live",
    finished="envoy_cluster_upstream_rq_completed",
    errors="envoy_cluster_upstream_rq_xx",
    errors_labels={"envoy_response_code_class": "5"},
    abandoned=("envoy_cluster_upstream_cx_destroy_local_with_active_rq", "envoy_cluster_upstream_rq_tx_reset"),
    timeouts=("envoy_cluster_upstream_rq_timeout", "envoy_cluster_upstream_rq_per_try_timeout"),
    client_errors="envoy_cluster_upstream_rq_xx",
    client_errors_labels={"envoy_response_code_class": "4"},
    latency=Histogram(buckets="envoy_cluster_upstream_rq_time_bucket", count="envoy_cluster_upstream_rq_time_count"),
    in_flight="envoy_cluster_upstream_rq_active",
    backend_label="envoy_cluster_name",
    backend_value="httproute/{namespace}/{name}/rule/0/backend/{index}",
)
"""Envoy Gateway 1.9 with a RequestHeaderModifier on each backendRef, which gives each a cluster of its own."""
