"""What each reason of docs/conditions.md leads to by itself, and what a person can do about it."""

from typing import NamedTuple


class Advice(NamedTuple):
    """About one reason: what happens next by itself, and what helps; empty where nothing does."""

    follows: str
    helps: str = ""


_WAITS = "it goes on by itself once that is gone"
_REJECTED = "nothing by itself: stable keeps serving"
_CHANGE = "change the spec"
_REPEATED = "Kubernetes goes on trying to start it"

READY: dict[str, Advice] = {
    "NameTaken": Advice(
        "nothing is touched until the name is free", "rename or remove what bears the name, or use another name"
    ),
    "WriteRefused": Advice("it is tried again every 30 s", "change the spec, or what refuses it"),
    "Unreadable": Advice(
        "nothing is changed, models serve on", "apply it again, or run a version of the operator that reads it"
    ),
    "ConfigMapNotFound": Advice("it goes on by itself once the ConfigMap exists", "create the ConfigMap"),
    "Starting": Advice("it starts by itself"),
    "Loading": Advice("it goes on once the pods have loaded the model"),
    "LoadFailed": Advice(_REPEATED, "change the spec: the message has the server's last words"),
    "LoadTimeout": Advice(_REPEATED, "raise rollout.loadSeconds, or make loading faster"),
    "OutOfMemory": Advice(_REPEATED, "raise resources.limits.memory"),
    "ServerRestarts": Advice(_REPEATED, "look at the server's last words"),
    "StableNotReady": Advice("weights stay as they are until a pod of stable is ready", "repair stable's pods"),
    "RollingBack": Advice("its traffic goes to stable, then its pods are removed"),
    "Superseded": Advice("the candidate goes, then the revision the spec asks for starts"),
    "Reverted": Advice("the candidate goes, and stable keeps serving"),
    "CapacityTimeout": Advice("nothing by itself: nothing was rejected, stable keeps serving", "make room first"),
    "RolledBack": Advice(_REJECTED, _CHANGE),
    "Suspended": Advice(
        "nothing rises or is promoted while spec.suspend is true; harm still takes a candidate back",
        "set spec.suspend to false",
    ),
    "Undoing": Advice("the revision before it takes all traffic again, then this one's pods go"),
    "GatewayNotSupported": Advice(
        "it goes on by itself once requests can be counted",
        "attach the route to another Gateway, or describe this one in the operator's configuration",
    ),
    "Paused": Advice("nothing until a person decides; harm still takes it back"),
    "NoRoute": Advice("the operator writes the route", "if it stays: is the Gateway API installed?"),
    "RouteNotAccepted": Advice(
        "it goes on once the Gateway accepts the route",
        "check traffic.parentRefs, the listener's allowedRoutes and its host names",
    ),
    "RouteNotYetAccepted": Advice("the Gateway takes up the route", "if it stays: look at the gateway's controller"),
    "Stepping": Advice(""),
    "Promoting": Advice("the candidate grows to full size and takes all traffic; proven harm still takes it back"),
    "Adopted": Advice("nothing by itself: the status had been lost, and what serves was adopted", _CHANGE),
    "PodsNotReady": Advice("it is ready once its pods are", "if it stays: look at the pods"),
    "ImagePullBackOff": Advice(_WAITS, "correct the image, pod.imagePullSecrets or the registry"),
    "ErrImageNeverPull": Advice(_WAITS, "load the image onto the node, or change pullPolicy"),
    "InvalidImageName": Advice(_WAITS, "correct the image reference"),
    "ImageInspectError": Advice(_WAITS, "look at the image on the node"),
    "RegistryUnavailable": Advice(_WAITS, "look at the registry"),
    "SignatureValidationFailed": Advice(_WAITS, "sign the image, or correct the policy"),
    "CreateContainerConfigError": Advice(_WAITS, "create the Secret or ConfigMap that is missing"),
    "CreateContainerError": Advice(_WAITS, "the message has the container runtime's words"),
    "RunContainerError": Advice(_WAITS, "the message has the container runtime's words"),
    "Unschedulable": Advice(f"{_WAITS}, without a deadline", "correct placement, or create the claim"),
    "InsufficientCapacity": Advice("it goes on once a node has room; while loading there is a deadline", "make room"),
    "QuotaExceeded": Advice("it goes on once the quota has room; while loading there is a deadline", "raise the quota"),
    "PodsRefused": Advice(_WAITS, "change the spec, or what refuses the pods"),
    "NotLookedAt": Advice("the operator looks at it", "if it stays: does the operator run, and watch this namespace?"),
}

_GOES_ON = "the weight rises again once this hold ends"

HOLDS: dict[str, Advice] = {
    "MetricsUnavailable": Advice(_GOES_ON, "see to Prometheus: the first word of the message says what fails"),
    "NoMetrics": Advice(_GOES_ON, "let Prometheus scrape the gateway's proxies"),
    "GatewayNotSupported": READY["GatewayNotSupported"],
    "SchemaUnknown": Advice(
        "it goes on once both servers have told what they take and give",
        "let the operator's pods reach those of the model at port 8000: a NetworkPolicy may stand between them",
    ),
    "NotYetCounted": Advice("the first interval at this weight is counted"),
    "NoTraffic": Advice(_GOES_ON, "send requests; check that the candidate answers"),
    "AboveLimit": Advice(
        "the weight rises again after 4 clean intervals; proof of harm takes the candidate back",
        "repair what both revisions depend on",
    ),
    "BurstyErrors": Advice("the weight rises again once the bursts are old", "wait for that, or decide yourself"),
    "TooLittleEvidence": Advice("more requests clear the candidate, or prove harm and take it back"),
    "QueryError": Advice(_GOES_ON, "correct the query: the message has its name and Prometheus' words"),
    "QueryNoData": Advice(_GOES_ON, "see that what the query asks about is scraped"),
    "QueryFailing": Advice("the query passes again, or fails often enough to take the candidate back"),
    "Inconclusive": Advice("nothing until a person decides"),
}


def advice(reason: str, hold: str = "") -> Advice:
    """What to say about the reason of Ready, or about what holds a rollout."""
    if hold and reason in ("Stepping", hold):
        return HOLDS.get(hold, READY["Stepping"])
    return READY.get(reason) or HOLDS.get(reason) or Advice("see docs/conditions.md")
