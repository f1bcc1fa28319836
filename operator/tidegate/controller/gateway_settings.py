"""Gateways that an administrator describes: how the counters of their proxies are read."""

from typing import Annotated

from pydantic import AfterValidator, Field

from tidegate.controller.section import Section
from tidegate.gateways import GatewayProfile, Histogram, check_template

# As the Gateway API has it for spec.controllerName of a GatewayClass.
CONTROLLER_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[-A-Za-z0-9/._~%!$&'()*+,;=:]+$"
SERIES_NAME = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"
LABEL_NAME = r"^[a-zA-Z_][a-zA-Z0-9_]*$"

SeriesName = Annotated[str, Field(pattern=SERIES_NAME)]
LabelName = Annotated[str, Field(pattern=LABEL_NAME)]


def _template(value: str) -> str:
    check_template(value)
    return value


class CounterSettings(Section):
    """Series of requests answered in one way.

    Attributes
    ----------
    name
        Of the series.
    labels
        Those it bears where the answer was of that kind; all of its series count where empty.
    """

    name: SeriesName
    labels: dict[LabelName, str] = {}


class HistogramSettings(Section):
    """The histogram of the times requests took.

    Attributes
    ----------
    buckets, count
        Names of its cumulative buckets and of the number of all.
    edge_label
        The label that says where a bucket ends.
    milliseconds
        What 1 in that label means.
    """

    buckets: SeriesName
    count: SeriesName
    edge_label: LabelName = "le"
    milliseconds: float = Field(default=1, gt=0)


class GatewaySettings(Section):
    """How to read the proxies of the gateways that one controller runs; see `GatewayProfile`.

    Attributes
    ----------
    controller_name
        The controller as it signs the status of a route.
    presence
        A gauge each proxy exposes in every scrape as one series of value 1, whatever its traffic.
    finished, errors
        Requests finished, and those of them answered 5xx.
    abandoned, timeouts
        Requests whose client gave up waiting, and the proxy's own time-outs among them.
    client_errors
        Requests answered 4xx; they are not judged where not given.
    latency
        They are not judged by latency where not given.
    in_flight
        Gauge of the requests under way.
    backend_label, backend_value
        The label that tells backends apart, and the template of its value.
    """

    controller_name: Annotated[str, Field(pattern=CONTROLLER_NAME, max_length=253)]
    presence: SeriesName
    finished: SeriesName
    errors: CounterSettings
    abandoned: tuple[SeriesName, ...] = ()
    timeouts: tuple[SeriesName, ...] = ()
    client_errors: CounterSettings | None = None
    latency: HistogramSettings | None = None
    in_flight: SeriesName | None = None
    backend_label: LabelName
    backend_value: Annotated[str, AfterValidator(_template)]

    def profile(self) -> GatewayProfile:
        """The profile described."""
        refused, histogram = self.client_errors, self.latency
        return GatewayProfile(
            controller_name=self.controller_name,
            presence=self.presence,
            finished=self.finished,
            errors=self.errors.name,
            errors_labels=self.errors.labels,
            abandoned=self.abandoned,
            timeouts=self.timeouts,
            client_errors=refused.name if refused else "",
            client_errors_labels=refused.labels if refused else {},
            latency=Histogram(**histogram.model_dump()) if histogram else None,
            in_flight=self.in_flight or "",
            backend_label=self.backend_label,
            backend_value=self.backend_value,
        )


def repeated(gateways: tuple[GatewaySettings, ...]) -> int | None:
    """Place of the first gateway whose controller was described before; None for none."""
    names = [gateway.controller_name for gateway in gateways]
    return next((place for place, name in enumerate(names) if name in names[:place]), None)
