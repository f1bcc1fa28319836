"""Gateway profiles: which of the proxy's series say how many requests a slot finished and how many went wrong.

Envoy's statistics: https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class GatewayProfile:
    """How to read the proxies of one gateway.

    Attributes
    ----------
    presence
        A series each proxy exposes in every scrape, whatever its traffic: its samples say when the proxy was scraped.
    finished, errors, abandoned, timeouts
        Names of the counters: requests finished; those answered 5xx (with `errors_labels`); those whose client gave up
        waiting; and the proxy's own time-outs, which `abandoned` contains though they are already answered 504.
    backend_label, backend_value
        The label that tells backends apart, and its value; ``{namespace}``, ``{name}`` and ``{index}`` (0 for slot a,
        1 for slot b) are filled in.
    """

    presence: str
    finished: str
    errors: str
    errors_labels: Mapping[str, str] = field(default_factory=dict)
    abandoned: tuple[str, ...] = ()
    timeouts: tuple[str, ...] = ()
    backend_label: str
    backend_value: str

    def backend(self, namespace: str, name: str, index: int) -> str:
        """Value of `backend_label` for slot `index` of the route `namespace`/`name`."""
        return self.backend_value.format(namespace=namespace, name=name, index=index)

    def query(self, namespace: str, name: str, seconds: int) -> str:
        """One PromQL range selector for all raw samples of both slots and of the proxies' presence.

        An empty alternative in a matcher also matches series without the label: so the presence series come in the
        same answer, from the same moment.
        """
        names = "|".join(
            dict.fromkeys((self.presence, self.finished, self.errors, *self.abandoned, *self.timeouts)),
        )
        backends = "|".join(self.backend(namespace, name, index) for index in (0, 1))
        return f'{{__name__=~"{names}",{self.backend_label}=~"({backends})?"}}[{seconds}s]'


ENVOY_GATEWAY = GatewayProfile(
    presence="envoy_server_live",
    finished="envoy_cluster_upstream_rq_completed",
    errors="envoy_cluster_upstream_rq_xx",
    errors_labels={"envoy_response_code_class": "5"},
    abandoned=("envoy_cluster_upstream_cx_destroy_local_with_active_rq", "envoy_cluster_upstream_rq_tx_reset"),
    timeouts=("envoy_cluster_upstream_rq_timeout", "envoy_cluster_upstream_rq_per_try_timeout"),
    backend_label="envoy_cluster_name",
    backend_value="httproute/{namespace}/{name}/rule/0/backend/{index}",
)
"""Envoy Gateway 1.9 with a RequestHeaderModifier on each backendRef, which gives each a cluster of its own."""
