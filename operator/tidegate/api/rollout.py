"""spec.rollout: how a new revision is brought in and judged."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from tidegate.api.base import LIST_ATOMIC, SpecModel, list_map
from tidegate.api.cel import both_decimals, decimal, exactly_one, matches, rule, rules

_IN_QUOTES = "in quotation marks, such as"
Percent = Annotated[
    str,
    Field(
        max_length=20,
        json_schema_extra=decimal(
            "number > 0.0 && number < 100.0", f'expected a number over 0 and under 100 {_IN_QUOTES} "0.5"'
        ),
    ),
]
Rate = Annotated[
    str,
    Field(
        max_length=20,
        json_schema_extra=decimal(
            "number > 0.0 && number <= 0.5", f'expected a number over 0 and at most 0.5 {_IN_QUOTES} "0.01"'
        ),
    ),
]
OddsRatio = Annotated[
    str,
    Field(
        max_length=20,
        json_schema_extra=decimal(
            "number >= 1.0 && number <= 1000.0", f'expected a number from 1 to 1000 {_IN_QUOTES} "1.25"'
        ),
    ),
]
Bound = Annotated[
    str,
    Field(
        max_length=20,
        json_schema_extra=decimal("", f'expected a decimal number {_IN_QUOTES} "0.92"', signed=True),
    ),
]


ShareBesideStable = Annotated[
    int,
    Field(
        ge=1,
        le=100,
        json_schema_extra=rules(
            rule(
                "self <= 50 || self > 100",
                "expected 1 to 50: the candidate is judged beside stable, and promotion, not a step, gives it all "
                "traffic",
                found=("%s", "self"),
            )
        ),
    ),
]


class SchemaStep(SpecModel):
    """Compare what the servers of both revisions say their model takes and gives."""


class WeightStep(SpecModel):
    """Give the candidate a share of the traffic and judge it there; the harm budget sets how fast it gets there."""

    percent: ShareBesideStable
    """Share of the traffic in percent, 1 to 50; less where the candidate's pods do not carry it."""

    seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    """Seconds of judged time at this weight: intervals that were counted while the weight was in effect."""


class RampStep(SpecModel):
    """Give the candidate as much traffic as the harm budget allows, more each time it was judged, up to a share."""

    max_percent: ShareBesideStable = 50
    """Share of the traffic in percent that ends the step, 1 to 50; less where the candidate's pods do not carry it."""


class PauseStep(SpecModel):
    """Wait at the weight of the step before."""

    seconds: Annotated[int, Field(ge=1, le=604_800)] | None = None
    """Seconds to wait. Default when unset: until a person resumes or promotes."""


class Step(SpecModel):
    """One step of a rollout: exactly one of the fields."""

    model_config = ConfigDict(json_schema_extra=exactly_one("kinds of step", "schema", "weight", "ramp", "pause"))

    schema_check: Annotated[SchemaStep | None, Field(alias="schema")] = None
    """Go on only if the candidate takes what clients send to stable, and gives what they read: names, types and shapes
    of inputs and outputs, and batches. A difference takes the candidate back.
    Default when unset: the step is of another kind."""

    weight: WeightStep | None = None
    """Give the candidate a share of the traffic. Default when unset: the step is of another kind."""

    ramp: RampStep | None = None
    """Raise the weight by the harm budget. Default when unset: the step is of another kind."""

    pause: PauseStep | None = None
    """Wait; `{}` for a person. Default when unset: the step is of another kind."""


class ShareLimit(SpecModel):
    """The user's own limit of some kind of requests."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.ignoreBelowPercent) || "
                + both_decimals("self.ignoreBelowPercent", "self.maxSharePercent", "<"),
                "expected ignoreBelowPercent under maxSharePercent",
                found=("%s beside %s", "self.ignoreBelowPercent", "self.maxSharePercent"),
                path=".ignoreBelowPercent",
            )
        )
    )

    max_share_percent: Percent = "1"
    """Largest share of such requests in percent; a candidate found over it is held, and taken back once it is shown to
    be worse than stable."""

    ignore_below_percent: Percent | None = None
    """Share of such requests in percent up to which nothing is rolled back, however much better stable is.
    Default when unset: a tenth of maxSharePercent."""

    @property
    def max_share(self) -> float:
        """maxSharePercent as a share between 0 and 1."""
        return float(self.max_share_percent) / 100

    @property
    def ignore_below(self) -> float:
        """ignoreBelowPercent as a share between 0 and 1, a tenth of `max_share` where it is unset."""
        return self.max_share / 10 if self.ignore_below_percent is None else float(self.ignore_below_percent) / 100


class ErrorLimit(ShareLimit):
    """The user's own limit of bad requests: answered 5xx, or abandoned by the client."""


class LatencyLimit(ShareLimit):
    """The user's own limit of slow requests: answered later than a bound, measured by the gateway."""

    bound_milliseconds: Annotated[int, Field(ge=1, le=3_600_000)]
    """Milliseconds after which a request is slow; where the gateway's histogram has no edge there, the next one above
    counts."""


class Query(SpecModel):
    """The user's own PromQL, asked once an interval."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.min) || has(self.max)", "expected min, max or both: without a bound no value fails"),
            rule(
                f"!has(self.min) || !has(self.max) || {both_decimals('self.min', 'self.max', '<=')}",
                "expected min at most max",
                found=("%s over %s", "self.min", "self.max"),
                path=".min",
            ),
        )
    )

    name: Annotated[
        str,
        Field(
            max_length=63,
            json_schema_extra=matches(
                "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "expected lowercase letters, digits and '-', such as accuracy"
            ),
        ),
    ]
    """Name in decisions and messages."""

    query: Annotated[str, Field(min_length=1, max_length=4096)]
    """PromQL with one value as its answer. `{{ namespace }}`, `{{ name }}`, `{{ stable }}` and `{{ candidate }}` are
    filled in."""

    min: Bound | None = None
    """Least value that passes, a number in the query's own unit. Default when unset: no lower bound."""

    max: Bound | None = None
    """Largest value that passes, a number in the query's own unit. Default when unset: no upper bound."""

    failures: Annotated[int, Field(ge=1, le=100)] = 3
    """Number of failed intervals in a row after which the candidate is rolled back."""


class NoHarm(SpecModel):
    """How long a candidate must be without evidence of harm where it is promoted without proof."""

    min_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 50
    """Number of requests the candidate has to finish at the last weight."""

    min_seconds: Annotated[int, Field(ge=10, le=604_800)] = 1800
    """Seconds of judged time at the last weight."""


class Statistics(SpecModel):
    """How sure the judge has to be. Decimal numbers, written as strings."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                both_decimals("self.promoteBelowOddsRatio", "self.tolerateOddsRatio", ">"),
                "expected promoteBelowOddsRatio over tolerateOddsRatio: what is tolerated must be fit for promotion",
                found=("%s beside %s", "self.promoteBelowOddsRatio", "self.tolerateOddsRatio"),
                path=".promoteBelowOddsRatio",
            )
        )
    )

    false_rollback_rate: Rate = "0.01"
    """Share of rollouts of a harmless candidate that may be rolled back, over 0 and at most 0.5."""

    false_promotion_rate: Rate = "0.05"
    """Share of rollouts of a candidate worse than promoteBelowOddsRatio that may be promoted, over 0 and at most
    0.5."""

    tolerate_odds_ratio: OddsRatio = "1.25"
    """Odds ratio of bad requests, candidate to stable, that is still harmless; at least 1."""

    promote_below_odds_ratio: OddsRatio = "2"
    """Odds ratio of bad requests, candidate to stable, the candidate must be shown to stay under; over
    tolerateOddsRatio."""

    harm_budget_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    """Number of requests a bad candidate may harm before its traffic can be taken away; half of what stable fails
    itself in that time where that is more. Sets how fast the weight rises, and counts per reaction, not per rollout."""

    no_harm: NoHarm = NoHarm()
    """How long a candidate must be without evidence of harm where it is promoted without proof."""

    warmup_seconds: Annotated[int, Field(ge=0, le=86_400)] = 60
    """Seconds from a pod's being ready during which its latency is not judged; its errors always are."""


class Analysis(SpecModel):
    """What the candidate is judged by."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.bakeSeconds <= self.maxSeconds",
                "expected bakeSeconds at most maxSeconds: nothing could be promoted in time",
                found=("%s over %s", "self.bakeSeconds", "self.maxSeconds"),
                path=".bakeSeconds",
            ),
            rule(
                "self.promotion != 'NoHarm' || self.statistics.noHarm.minSeconds <= self.maxSeconds",
                "expected noHarm.minSeconds at most maxSeconds: nothing could be promoted in time",
                found=("%s over %s", "self.statistics.noHarm.minSeconds", "self.maxSeconds"),
                path=".statistics.noHarm.minSeconds",
            ),
        )
    )

    interval_seconds: Annotated[int, Field(ge=5, le=3600)] = 10
    """Seconds between two looks at the metrics; stretched to two scrapes where scrapes are rarer."""

    errors: ErrorLimit = ErrorLimit()
    """The limit of bad requests."""

    latency: LatencyLimit | None = None
    """The limit of slow requests. Default when unset: latency is not judged."""

    queries: Annotated[list[Query], Field(max_length=10, json_schema_extra=list_map("name"))] = []
    """The user's own PromQL queries."""

    bake_seconds: Annotated[int, Field(ge=0, le=86_400)] = 60
    """Least seconds of judged time at the last weight before promotion."""

    max_seconds: Annotated[int, Field(ge=10, le=604_800)] = 7200
    """Most seconds of judged time a rollout takes; after them onInconclusive."""

    promotion: Literal["Auto", "NonInferior", "NoHarm"] = "Auto"
    """What promotes a candidate: proof that it is good enough (NonInferior), or no evidence of harm for as long as
    `statistics.noHarm` says, recorded as promoted without proof (NoHarm). Auto asks for proof where the traffic can
    give it within maxSeconds, else for no harm; decided once, at the last weight."""

    on_inconclusive: Literal["Pause", "Promote", "Rollback"] = "Pause"
    """What happens when maxSeconds have passed without a verdict."""

    statistics: Statistics = Statistics()
    """How sure the judge has to be."""


class Capacity(SpecModel):
    """What happens where the cluster has no room for the candidate."""

    wait_seconds: Annotated[int, Field(ge=0, le=604_800)] = 1800
    """Seconds the candidate's pods may wait for a node; then they are removed and the rollout ends, not rejected."""


_WEIGHTS = (
    "self.filter(step, has(step.weight) || has(step.ramp))"
    ".map(step, has(step.weight) ? step.weight.percent : step.ramp.maxPercent)"
)
_STEP_SECONDS = "self.steps.filter(step, has(step.weight)).map(step, step.weight.seconds).sum()"


class Rollout(SpecModel):
    """How a new revision is brought in. A rollout under way keeps what was set when it started."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"{_STEP_SECONDS} <= self.analysis.maxSeconds",
                "expected the weight steps to take no more than analysis.maxSeconds in all: shorten them or raise it",
                found=("%s seconds of steps beside %s", _STEP_SECONDS, "self.analysis.maxSeconds"),
                path=".steps",
            )
        )
    )

    steps: Annotated[
        list[Step],
        Field(
            min_length=1,
            max_length=20,
            json_schema_extra=LIST_ATOMIC
            | rules(
                rule(
                    f"{_WEIGHTS}.isSorted()",
                    "expected weights that do not fall from one weight or ramp step to the next: put them in order",
                    found=("%s", _WEIGHTS),
                )
            ),
        ),
    ] = [Step(schema_check=SchemaStep()), Step(ramp=RampStep())]
    """Steps in their order; promotion follows the last."""

    analysis: Analysis = Analysis()
    """What the candidate is judged by."""

    load_seconds: Annotated[int, Field(ge=10, le=86_400)] = 1200
    """Seconds a server may take to load the model, from the start of its container."""

    keep_previous_seconds: Annotated[int, Field(ge=0, le=604_800)] = 600
    """Seconds the last stable revision is kept running, without traffic, after a promotion."""

    after_promotion: Literal["Undo", "Report"] = "Undo"
    """What happens where a promoted revision breaks `analysis.errors` or one of the queries while the one before it is
    kept: Undo brings that one back, Report only tells."""

    capacity: Capacity = Capacity()
    """What happens where the cluster has no room for the candidate."""
