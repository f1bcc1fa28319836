"""Everything a command asks of a cluster; what goes wrong is one sentence."""

from collections.abc import Mapping
from typing import Any

from tidegate.api.names import FIELD_MANAGER, KIND, LABEL_MODELDEPLOYMENT, PLURAL, Verb, annotation
from tidegate.cli.errors import CommandError, NoAnswerError
from tidegate.cli.login import Login, Send, log_in, nearest
from tidegate.clients.errors import ApiError, ApiUnavailable, Conflict, Forbidden, Invalid, KindMissing, NotFound
from tidegate.clients.kinds import Kind
from tidegate.clients.transport import APPLY_PATCH, MERGE_PATCH, Document, Request, request_for

NAMESPACE, NODE, POD = Kind("v1", "Namespace", "namespaces"), Kind("v1", "Node", "nodes"), Kind("v1", "Pod", "pods")
CORE_EVENT = Kind("v1", "Event", "events")
"""Unlike those of events.k8s.io, these can be asked for by the object they are about."""


class Cluster:
    """One cluster, and the namespace a command is about.

    Parameters
    ----------
    send
        Sends one request.
    address
        Of the API server, for messages.
    """

    def __init__(self, send: Send, *, namespace: str, address: str) -> None:
        self._send = send
        self.namespace = namespace
        self.address = address

    def within(self, namespace: str | None) -> "Cluster":
        """The same cluster, in another namespace where one is named."""
        return Cluster(self._send, namespace=namespace or self.namespace, address=self.address)

    def find(self, name: str) -> Document | None:
        """One ModelDeployment, None where there is none of that name."""
        try:
            return self._ask(request_for("get", "GET", KIND, self.namespace, name), passing=(NotFound,))
        except NotFound:
            return None

    def deployment(self, name: str) -> Document:
        """One ModelDeployment."""
        if (found := self.find(name)) is None:
            raise CommandError(self._no_such(name))
        return found

    def deployments(self, *, everywhere: bool = False) -> list[Document]:
        """All ModelDeployments of the namespace, or of the cluster."""
        found = self._list(request_for("list", "GET", KIND, None if everywhere else self.namespace))
        if not found and not everywhere:
            self._require_namespace()
        return found

    def events(self, name: str) -> list[Document]:
        """Events about a ModelDeployment, oldest first; none where they may not be read."""
        about = f"involvedObject.kind={KIND},involvedObject.name={name}"
        request = Request(
            verb="list",
            method="GET",
            kind=CORE_EVENT,
            path=CORE_EVENT.path(self.namespace),
            query={"fieldSelector": about},
        )
        try:
            return sorted(self._list(request), key=event_time)
        except CommandError:
            return []

    def revisions(self, name: str) -> list[Document]:
        """ControllerRevisions of a ModelDeployment, oldest first."""
        query = {"labelSelector": f"{LABEL_MODELDEPLOYMENT}={name}"}
        found = self._list(request_for("list", "GET", "ControllerRevision", self.namespace, query=query))
        return sorted(found, key=lambda revision: int(revision.get("revision", 0)))

    def annotate(self, found: Document, verb: Verb, value: str) -> Document:
        """Write a request, if the object is still as it was read.

        Raises
        ------
        tidegate.clients.errors.Conflict
            If it is not.
        """
        meta = found["metadata"]
        body = {
            "metadata": {"resourceVersion": meta["resourceVersion"], "annotations": {annotation(verb): value}},
        }
        request = request_for(
            "patch", "PATCH", KIND, meta["namespace"], meta["name"], body=body, content_type=MERGE_PATCH
        )
        return self._ask(request, passing=(Conflict,))

    def dry_run(self, document: Document) -> Document:
        """What applying a ModelDeployment would store.

        Raises
        ------
        tidegate.clients.errors.Invalid
            If the API server refuses it.
        """
        query = {"dryRun": "All", "fieldManager": f"{FIELD_MANAGER}-plan", "force": "true", "fieldValidation": "Strict"}
        name = document["metadata"]["name"]
        request = request_for(
            "patch", "PATCH", KIND, self.namespace, name, query=query, body=document, content_type=APPLY_PATCH
        )
        try:
            return self._ask(request, passing=(NotFound, Invalid))
        except NotFound as error:
            self._require_namespace()
            raise CommandError(str(error)) from error

    def nodes(self) -> list[Document]:
        """All nodes."""
        return self._list(Request(verb="list", method="GET", kind=NODE, path=NODE.path(None)))

    def pods(self) -> list[Document]:
        """All pods of the cluster."""
        return self._list(Request(verb="list", method="GET", kind=POD, path=POD.path(None)))

    def _list(self, request: Request) -> list[Document]:
        listed: list[Document] = self._ask(request).get("items") or []
        return listed

    def _ask(self, request: Request, *, passing: tuple[type[ApiError], ...] = ()) -> Document:
        """Send it; all errors become sentences, but for those the caller deals with."""
        try:
            return self._send(request)
        except ApiError as error:
            if isinstance(error, passing) and not isinstance(error, KindMissing):
                raise
            raise self._said(request, error) from error

    def _said(self, request: Request, error: ApiError) -> CommandError:
        resource = request.kind.plural + (f".{request.kind.group}" if request.kind.group else "")
        words = str(error).partition(f"HTTP {error.code}: ")[2] or str(error)
        if isinstance(error, KindMissing):
            needed = "install Tidegate with its CustomResourceDefinition" if PLURAL in resource else "install it"
            return CommandError(f"{self.address} serves no {resource}; {needed}, or choose another --context")
        if isinstance(error, Forbidden):
            return CommandError(
                f"you may not {request.verb} {resource} in namespace {self.namespace} ({words}); "
                f"ask for a role that has the verb {request.verb}"
            )
        if error.code == 401:
            return CommandError(f"{self.address} does not accept the credentials of this context; log in again")
        if not isinstance(error, ApiUnavailable):
            return CommandError(f"{self.address} refuses to {request.verb} {resource}: {words}")
        why = f"answers HTTP {error.code}" if error.code else f"cannot be reached: {words}"
        return NoAnswerError(f"{self.address} {why}; does the cluster run, and is it the right --context?")

    def _no_such(self, name: str) -> str:
        known = {found["metadata"]["name"] for found in self.deployments()}
        return f"there is no ModelDeployment {name!r} in namespace {self.namespace}; {nearest(name, known)}"

    def _require_namespace(self) -> None:
        path = NAMESPACE.path(None, self.namespace)
        try:
            self._send(Request(verb="get", method="GET", kind=NAMESPACE, path=path))
        except NotFound as error:
            raise CommandError(f"there is no namespace {self.namespace!r}; {self._namespaces()}") from error
        except ApiError:
            return

    def _namespaces(self) -> str:
        try:
            listed = self._send(Request(verb="list", method="GET", kind=NAMESPACE, path=NAMESPACE.path(None)))
        except ApiError:
            return "choose another with -n"
        return nearest(self.namespace, [found["metadata"]["name"] for found in listed["items"]])


def event_time(event: Mapping[str, Any]) -> str:
    """When an Event was told last, as text that sorts."""
    meta: Any = event.get("metadata") or {}
    return str(event.get("lastTimestamp") or event.get("eventTime") or meta.get("creationTimestamp") or "")


def connect(namespace: str | None, context: str | None, kubeconfig: str | None) -> Cluster:
    """Reach a cluster as kubectl would with the same options."""
    login: Login = log_in(context, kubeconfig)
    return Cluster(login.send, namespace=namespace or login.namespace, address=login.address)
