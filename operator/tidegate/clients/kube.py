"""The API server, as this operator uses it: plain dictionaries, a deadline on every call, our own errors."""

import logging
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tidegate.api.names import API_GROUP, FIELD_MANAGER
from tidegate.clients.errors import AlreadyExists, Invalid, KindMissing, NotFound, TidegateError
from tidegate.clients.kinds import KINDS, kind_of
from tidegate.clients.login import load_configuration
from tidegate.clients.transport import (
    APPLY_PATCH,
    JSON,
    MERGE_PATCH,
    METADATA_LIST,
    TIMEOUT_SECONDS,
    Document,
    Guard,
    Observer,
    Request,
    Transport,
    allow,
    ignore,
    request_for,
)

logger = logging.getLogger(__name__)

NOTE_CHARACTERS = 1024


class Kube:
    """Client of one API server.

    Every method may raise `ApiUnavailable` (no usable answer in time), `Forbidden` and `Invalid` besides what it
    names itself. Objects are addressed by kind, one of `tidegate.clients.kinds.KINDS`.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @classmethod
    async def connect(
        cls,
        context: str | None = None,
        *,
        observe: Observer = ignore,
        guard: Guard = allow,
        timeout: float = TIMEOUT_SECONDS,
    ) -> "Kube":
        """Log in with what this process has (see `load_configuration`); sends nothing yet.

        Parameters
        ----------
        observe, guard, timeout
            See `tidegate.clients.transport.Transport`. A write that the guard does not let pass raises what it raises.

        Raises
        ------
        LoginFailed
            If there is neither a kubeconfig nor a service account.
        """
        configuration = await load_configuration(context)
        return cls(
            Transport(
                configuration,
                reload=lambda: load_configuration(context),
                timeout=timeout,
                observe=observe,
                guard=guard,
            )
        )

    async def __aenter__(self) -> "Kube":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def get(self, kind: str, namespace: str, name: str) -> Document | None:
        """Read one object; None if it, or its kind, does not exist."""
        try:
            return await self._transport.document(request_for("get", "GET", kind, namespace, name))
        except NotFound:
            return None

    async def list(
        self,
        kind: str,
        namespace: str | None,
        label_selector: str = "",
        *,
        metadata_only: bool = False,
    ) -> list[Document]:
        """Read all objects of a kind, in one namespace or (None) in all; none if the kind does not exist.

        Parameters
        ----------
        metadata_only
            Leave out everything but ``metadata``.
        """
        request = request_for(
            "list",
            "GET",
            kind,
            namespace,
            query={"labelSelector": label_selector} if label_selector else {},
            accept=METADATA_LIST if metadata_only else JSON,
        )
        try:
            items: list[Document] = (await self._transport.document(request)).get("items") or []
        except KindMissing:
            return []
        for item in items:
            item.setdefault("apiVersion", request.kind.api_version)
            item.setdefault("kind", request.kind.name)
        return items

    async def apply(self, obj: Mapping[str, Any], force: bool = True) -> Document:
        """Server-side apply as field manager ``tidegate``; return the object as stored.

        Raises
        ------
        Conflict
            If `obj` carries a ``metadata.resourceVersion`` and the object is no longer at it, or a ``metadata.uid`` and
            the object is gone. Give both to fence a write: with the version alone, an object deleted meanwhile would
            be made anew. Without `force` also if another manager owns one of the fields (`ApiError.causes` says which).
        NotFound
            If the namespace does not exist; `KindMissing` if the kind does not.
        """
        kind, metadata = kind_of(obj), obj["metadata"]
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        return await self._transport.document(
            Request(
                verb="apply",
                method="PATCH",
                kind=kind,
                path=kind.path(metadata["namespace"], metadata["name"]),
                query=query,
                body=obj,
                content_type=APPLY_PATCH,
            )
        )

    async def replace_status(self, obj: Mapping[str, Any]) -> Document:
        """Write ``status`` of `obj`, which must carry the resourceVersion it was read at; return it as stored.

        Raises
        ------
        Conflict
            If the object is no longer at that resourceVersion.
        NotFound
            If it is gone.
        """
        kind, metadata = kind_of(obj), obj["metadata"]
        if not metadata.get("resourceVersion"):
            raise Invalid(f"replace_status {metadata['name']}: no metadata.resourceVersion; pass the object as read")
        return await self._transport.document(
            Request(
                verb="update_status",
                method="PUT",
                kind=kind,
                path=kind.path(metadata["namespace"], metadata["name"], "status"),
                query={"fieldManager": FIELD_MANAGER},
                body=obj,
            )
        )

    async def replace(self, obj: Mapping[str, Any]) -> Document:
        """Write the whole of `obj`, of a kind that may be made by an update as a Lease may; return it as stored.

        With a ``metadata.resourceVersion`` the object must still be at it, without one it must not exist yet.

        Raises
        ------
        Conflict
            If the object is no longer at that resourceVersion, or is gone.
        AlreadyExists
            If there is one although `obj` names no resourceVersion.
        """
        kind, metadata = kind_of(obj), obj["metadata"]
        request = Request(
            verb="update",
            method="PUT",
            kind=kind,
            path=kind.path(metadata["namespace"], metadata["name"]),
            query={"fieldManager": FIELD_MANAGER},
            body=obj,
        )
        try:
            return await self._transport.document(request)
        except Invalid as error:
            if any(cause.field == "metadata.resourceVersion" for cause in error.causes):
                raise AlreadyExists(str(error), code=error.code, causes=error.causes) from error
            raise

    async def scale(self, kind: str, namespace: str, name: str, replicas: int, *, version: str) -> None:
        """Set the number of replicas through /scale.

        Parameters
        ----------
        version
            The resourceVersion the object was read at.

        Raises
        ------
        Conflict
            If the object is no longer at that resourceVersion.
        NotFound
            If the object does not exist.
        """
        await self._transport.document(
            request_for(
                "scale",
                "PATCH",
                kind,
                namespace,
                name,
                "scale",
                query={"fieldManager": FIELD_MANAGER},
                body={"metadata": {"resourceVersion": version}, "spec": {"replicas": replicas}},
                content_type=MERGE_PATCH,
            )
        )

    async def delete(
        self,
        kind: str,
        namespace: str,
        name: str,
        uid: str | None = None,
        version: str | None = None,
        grace_seconds: int | None = None,
    ) -> None:
        """Delete an object, its dependents in the background; one that is gone already is fine.

        Parameters
        ----------
        uid
            Delete only the object with this uid.
        version
            Delete it only if it is still at this resourceVersion.
        grace_seconds
            Overrides the object's own grace period.

        Raises
        ------
        Conflict
            If the object of this name has another uid, or is no longer at that resourceVersion.
        """
        options: Document = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        preconditions = {"uid": uid, "resourceVersion": version}
        if given := {key: value for key, value in preconditions.items() if value is not None}:
            options["preconditions"] = given
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        try:
            await self._transport.call(request_for("delete", "DELETE", kind, namespace, name, body=options))
        except NotFound:
            logger.debug("%s %s/%s was gone already", kind, namespace, name)

    async def create_event(
        self,
        regarding: Mapping[str, Any],
        *,
        type: str,
        reason: str,
        message: str,
        action: str = "Reconcile",
    ) -> None:
        """Tell the reader of ``kubectl describe`` about `regarding`; a failure is logged, never raised.

        Parameters
        ----------
        regarding
            The object: apiVersion, kind, metadata.
        type
            ``Normal`` or ``Warning``.
        reason
            CamelCase word.
        action
            CamelCase word: what the operator was doing.
        """
        try:
            await self._transport.document(
                request_for(
                    "create",
                    "POST",
                    "Event",
                    regarding["metadata"]["namespace"],
                    query={"fieldManager": FIELD_MANAGER},
                    body=_event(regarding, type, reason, message, action),
                )
            )
        except TidegateError as error:
            logger.warning("event %s could not be posted: %s", reason, error)

    async def serves(self, kind: str) -> bool:
        """Tell whether the API server knows `kind` (one discovery request)."""
        entry = KINDS[kind]
        try:
            listing = await self._transport.document(
                Request(verb="discover", method="GET", kind=entry, path=entry.base)
            )
        except NotFound:
            return False
        return any(resource["kind"] == kind for resource in listing.get("resources") or [])


def _event(regarding: Mapping[str, Any], kind: str, reason: str, message: str, action: str) -> Document:
    metadata = regarding["metadata"]
    now = datetime.now(UTC)
    return {
        "apiVersion": KINDS["Event"].api_version,
        "kind": KINDS["Event"].name,
        "metadata": {
            "name": f"{metadata['name']}.{int(now.timestamp() * 1e6):x}",
            "namespace": metadata["namespace"],
        },
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": kind,
        "reason": reason,
        "action": action,
        "note": message if len(message) <= NOTE_CHARACTERS else f"{message[: NOTE_CHARACTERS - 3]}...",
        "reportingController": f"{API_GROUP}/operator",
        "reportingInstance": socket.gethostname()[:128],
        "regarding": {
            "apiVersion": regarding["apiVersion"],
            "kind": regarding["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata.get("uid", ""),
        },
    }
