"""The CustomResourceDefinition."""

from typing import Any

from tidegate.api.cel import VALIDATIONS, quoted, rule
from tidegate.api.names import API_GROUP, KIND, PLURAL, SINGULAR, VERSION
from tidegate.api.schema import Schema, structural
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.api.status import ModelDeploymentStatus

NAME_LENGTH = 50
"""Most characters of a name: with the revision's hash behind it, it must still fit a label value (63)."""

SHORT_NAME = "mdep"
CATEGORY = "tidegate"
_DNS_1035 = "^[a-z]([-a-z0-9]*[a-z0-9])?$"


def custom_resource_definition() -> dict[str, Any]:
    """Build the CustomResourceDefinition of ModelDeployment."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{API_GROUP}"},
        "spec": {
            "group": API_GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": SINGULAR,
                "shortNames": [SHORT_NAME],
                "categories": [CATEGORY],
            },
            "versions": [_version()],
        },
    }


def _version() -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": root_schema()},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": _printer_columns(),
    }


def root_schema() -> Schema:
    """Schema of the whole object."""
    return {
        "description": "One machine-learning model in production: what runs, and how a new revision replaces it.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"description": f"{API_GROUP}/{VERSION}", "type": "string"},
            "kind": {"description": KIND, "type": "string"},
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 253}}},
            "spec": structural(ModelDeploymentSpec),
            "status": structural(ModelDeploymentStatus, is_status=True),
        },
        VALIDATIONS: [_name_rule(), _model_name_rule()],
    }


def _name_rule() -> dict[str, str]:
    return rule(
        f"self.metadata.name.size() <= {NAME_LENGTH} && self.metadata.name.matches({quoted(_DNS_1035)})",
        f"expected a name of at most {NAME_LENGTH} characters: lowercase letters, digits and '-', a letter first: "
        "Services bear it",
        found=('"%s" of %s characters', "self.metadata.name", "self.metadata.name.size()"),
        path=".metadata.name",
    )


def _model_name_rule() -> dict[str, str]:
    def name(of: str) -> str:
        return f"(has({of}.spec.model.name) ? {of}.spec.model.name : {of}.metadata.name)"

    return rule(
        f"{name('self')} == {name('oldSelf')}",
        "expected no change, it is set once: clients ask for the model by this name; make a new ModelDeployment",
        found=('"%s" in place of "%s"', name("self"), name("oldSelf")),
        path=".spec.model.name",
    )


def _printer_columns() -> list[dict[str, Any]]:
    ready = '.status.conditions[?(@.type=="Ready")]'
    columns = [
        ("Ready", "string", f"{ready}.status"),
        ("Stable", "string", ".status.stable"),
        ("Candidate", "string", ".status.candidate"),
        ("Weight", "string", ".status.rollout.weight"),
        ("Step", "string", ".status.rollout.stepName"),
        ("Age", "date", ".metadata.creationTimestamp"),
    ]
    shown: list[dict[str, Any]] = [{"name": name, "type": kind, "jsonPath": path} for name, kind, path in columns]
    return [*shown, {"name": "Message", "type": "string", "jsonPath": f"{ready}.message", "priority": 1}]
