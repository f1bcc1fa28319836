"""The chart: what it renders is what the API server takes, and its role is what the operator needs and no more."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client
from kubernetes.aio.client.configuration import Configuration

from lab.builds import kubernetes_programs
from lab.progress import Reporter
from lab.waiting import wait_until
from tidegate.clients.errors import Forbidden
from tidegate.clients.kube import Kube
from tidegate.clients.login import load_configuration
from tidegate.clients.transport import Transport
from tidegate.controller.gateway_settings import GatewaySettings
from tidegate.controller.leader import Elector
from tidegate.controller.settings import Settings, lease_of, parse_settings

CHART = Path(__file__).parents[2] / "charts" / "tidegate"
RELEASE = "tidegate"
# The API server of the tests does not have the Prometheus operator's kinds.
FOREIGN_KINDS = {"ServiceMonitor", "PrometheusRule"}

VALUES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "namespaced": {"namespaces": ["default", "kube-public"]},
    "monitored": {
        "metrics": {
            "serviceMonitor": {"enabled": True},
            "prometheusRule": {"enabled": True},
            "dashboard": {"enabled": True},
        }
    },
    "own service account": {"serviceAccount": {"create": False, "name": "somebody"}},
    "no extras": {"crds": {"install": False}, "rbac": {"aggregate": False}, "replicas": 1},
    "everything set": {
        "prometheus": {
            "url": "https://mimir.example.com/prometheus",
            "secretName": "prometheus-access",
            "bearerTokenFile": "/etc/tidegate/prometheus/token",
            "caFile": "/etc/tidegate/prometheus/ca.crt",
            "headers": {"X-Scope-OrgID": "123"},
            "timeoutSeconds": 2.5,
        },
        "gateways": [
            {
                "controllerName": "example.com/gateway-controller",
                "presence": "proxy_up",
                "finished": "proxy_requests_total",
                "errors": {"name": "proxy_answers_total", "labels": {"class": "5"}},
                "abandoned": ["proxy_abandoned_total"],
                "timeouts": ["proxy_timeouts_total"],
                "clientErrors": {"name": "proxy_answers_total", "labels": {"class": "4"}},
                "latency": {
                    "buckets": "proxy_seconds_bucket",
                    "count": "proxy_seconds_count",
                    "edgeLabel": "le",
                    "milliseconds": 1000,
                },
                "inFlight": "proxy_requests",
                "backendLabel": "backend",
                "backendValue": "outbound|8000||{service}.{namespace}.svc.cluster.local",
            }
        ],
        "runtimes": {"triton": {"image": "registry.example.com/triton:1"}},
        "workers": 3,
        "resyncSeconds": 86400,
        "logLevel": "DEBUG",
        "image": {"repository": "registry.example.com/tidegate", "tag": "1.2.3", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "registry"}],
        "replicas": 3,
        "resources": {"limits": {"cpu": "1"}},
        "podLabels": {"team": "ml"},
        "podAnnotations": {"example.com/a": "b"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
        "serviceAccount": {"annotations": {"example.com/a": "b"}},
    },
}


@pytest.fixture(scope="session")
def programs() -> Path:
    """Directory with helm and kubectl."""
    return kubernetes_programs(Reporter(quiet=True)) / "bin"


def helm(programs: Path, home: Path, *arguments: str, values: dict[str, Any] | None = None) -> str:
    """Run helm; gives what it printed, fails with what it complained about."""
    environment = {f"HELM_{kind}_HOME": str(home) for kind in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run(
        [programs / "helm", *arguments, "--values", "-"],
        input=json.dumps(values or {}),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    return done.stdout


def render(programs: Path, home: Path, namespace: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Documents the chart makes of `values`."""
    text = helm(programs, home, "template", RELEASE, str(CHART), "--namespace", namespace, values=values)
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(documents: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [document for document in documents if document["kind"] == kind]


@pytest.mark.parametrize("name", VALUES)
def test_lint_finds_nothing(programs: Path, tmp_path: Path, name: str) -> None:
    helm(programs, tmp_path, "lint", str(CHART), "--strict", values=VALUES[name])


@pytest.mark.parametrize("name", VALUES)
def test_the_api_server_takes_what_is_rendered_to_the_letter(
    programs: Path, tmp_path: Path, control_plane: Path, namespace: str, name: str
) -> None:
    documents = [
        document
        for document in render(programs, tmp_path, namespace, VALUES[name])
        if document["kind"] not in FOREIGN_KINDS
    ]
    kubectl = [
        str(programs / "kubectl"),
        "--kubeconfig",
        str(control_plane),
        "apply",
        "--server-side",
        "--force-conflicts",
    ]
    done = subprocess.run(
        [*kubectl, "--dry-run=server", "--validate=strict", "-f", "-"],
        input=json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", VALUES)
def test_the_operator_takes_the_configuration_it_is_given(programs: Path, tmp_path: Path, name: str) -> None:
    found = of_kind(render(programs, tmp_path, "tg", VALUES[name]), "ConfigMap")
    (config_map,) = [item for item in found if "config.yaml" in item["data"]]
    settings = parse_settings(yaml.safe_load(config_map["data"]["config.yaml"]), "config.yaml")
    if name == "everything set":
        assert settings.prometheus.headers == {"X-Scope-OrgID": "123"}
        assert settings.prometheus.ca_file == "/etc/tidegate/prometheus/ca.crt"
        assert (settings.workers, settings.resync_seconds, settings.log_level) == (3, 86400, "DEBUG")
        (gateway,) = settings.gateways
        assert gateway == GatewaySettings.model_validate(VALUES[name]["gateways"][0])
        assert gateway.profile().backend("demo", "m", "b") == "outbound|8000||m-b.demo.svc.cluster.local"
    elif name != "namespaced":
        assert settings == Settings()
    assert lease_of(settings, {"POD_NAMESPACE": "tg"}) == ("tg", RELEASE)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"workers": 0}, "/workers"),
        ({"prometheus": {"adress": "http://x"}}, "additional properties 'adress' not allowed"),
        ({"prometheus": {"url": "prometheus:9090"}}, "/prometheus/url"),
        ({"namespaces": ["Team_A"]}, "/namespaces/0"),
        ({"gateways": [{"controllerName": "contour"}]}, "/gateways/0"),
        ({"replicas": -1}, "/replicas"),
        ({"replicas": 1.5}, "/replicas"),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name: needed where serviceAccount.create is false"),
    ],
)
def test_values_that_make_no_sense_are_refused(
    programs: Path, tmp_path: Path, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        render(programs, tmp_path, "tg", values)
    assert message in str(caught.value)


def test_the_pod_is_restricted_and_restarts_with_its_configuration(programs: Path, tmp_path: Path) -> None:
    checksums = set()
    for values in ({}, {"workers": 3}):
        (deployment,) = of_kind(render(programs, tmp_path, "tg", values), "Deployment")
        template = deployment["spec"]["template"]
        checksums.add(template["metadata"]["annotations"]["checksum/configuration"])
        assert template["metadata"]["labels"]["app.kubernetes.io/name"] == "tidegate"
        assert template["spec"]["containers"][0]["ports"] == [{"name": "metrics", "containerPort": 8080}]
    assert len(checksums) == 2


@pytest.mark.parametrize(("replicas", "budgets"), [(0, 0), (1, 0), (2, 1), (3, 1)])
def test_one_stands_by_whatever_happens_to_another(programs: Path, tmp_path: Path, replicas: int, budgets: int) -> None:
    documents = render(programs, tmp_path, "tg", {"replicas": replicas})
    (deployment,) = of_kind(documents, "Deployment")
    spec = deployment["spec"]
    assert spec["replicas"] == replicas
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"] == spec["selector"]
    found = of_kind(documents, "PodDisruptionBudget")
    assert [(one["spec"]["maxUnavailable"], one["spec"]["selector"]) for one in found] == [
        (1, spec["selector"])
    ] * budgets


def test_the_pod_says_where_the_lease_is(programs: Path, tmp_path: Path) -> None:
    (deployment,) = of_kind(render(programs, tmp_path, "tg", {}), "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    environment = {entry["name"]: entry for entry in container["env"]}
    assert environment["POD_NAMESPACE"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}


def test_the_definition_is_kept_when_the_release_is_removed(programs: Path, tmp_path: Path) -> None:
    (definition,) = of_kind(render(programs, tmp_path, "tg", {}), "CustomResourceDefinition")
    assert definition["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert definition == yaml.safe_load((CHART / "files" / "modeldeployments.yaml").read_text())


def test_the_alerts_say_what_to_do(programs: Path, tmp_path: Path) -> None:
    (rule,) = of_kind(render(programs, tmp_path, "tg", VALUES["monitored"]), "PrometheusRule")
    alerts = {alert["alert"]: alert for alert in rule["spec"]["groups"][0]["rules"]}
    assert set(alerts) == {
        "TidegateDown",
        "TidegateNoLeader",
        "TidegateReconcileErrors",
        "TidegateQueueStuck",
        "TidegatePrometheusUnavailable",
        "TidegateRolloutSuspicious",
    }
    for alert in alerts.values():
        assert len(alert["annotations"]["runbook"]) > 100


def test_the_dashboard_comes_as_grafanas_sidecar_wants_it(programs: Path, tmp_path: Path) -> None:
    found = of_kind(render(programs, tmp_path, "tg", VALUES["monitored"]), "ConfigMap")
    (dashboard,) = [item for item in found if item["metadata"]["labels"].get("grafana_dashboard") == "1"]
    assert dashboard["metadata"]["name"] == f"{RELEASE}-dashboard"
    assert json.loads(dashboard["data"]["tidegate.json"]) == json.loads(
        (CHART / "files" / "dashboard.json").read_text()
    )


ALLOWED = [
    ("tidegate.dev", "modeldeployments", "", "get list watch"),
    ("tidegate.dev", "modeldeployments", "status", "update"),
    ("apps", "controllerrevisions", "", "get list watch create patch delete"),
    ("apps", "deployments", "", "get list watch create patch delete"),
    ("apps", "deployments", "scale", "patch"),
    ("", "services", "", "get list watch create patch"),
    ("", "configmaps", "", "get list create patch delete"),
    ("", "pods", "", "list watch"),
    ("discovery.k8s.io", "endpointslices", "", "list watch"),
    ("gateway.networking.k8s.io", "httproutes", "", "get list watch create patch"),
    ("events.k8s.io", "events", "", "create"),
]
REFUSED = [
    ("", "pods", "log", "get"),
    ("tidegate.dev", "modeldeployments", "", "create update patch delete"),
    ("tidegate.dev", "modeldeployments", "status", "get patch"),
    ("", "secrets", "", "get list watch create patch delete"),
    ("", "pods", "", "create patch delete"),
    ("", "pods", "exec", "create"),
    ("", "services", "", "delete"),
    ("", "namespaces", "", "list watch"),
    ("apps", "deployments", "", "update deletecollection"),
    ("apiextensions.k8s.io", "customresourcedefinitions", "", "get list watch"),
    ("rbac.authorization.k8s.io", "clusterroles", "", "get bind escalate"),
    ("gateway.networking.k8s.io", "gateways", "", "patch"),
    ("coordination.k8s.io", "leases", "", "get list watch create update patch delete"),
]


@pytest.mark.parametrize("namespaced", [False, True])
def test_the_role_is_what_the_operator_needs_and_no_more(
    programs: Path, tmp_path: Path, api: Any, namespace: str, namespaced: bool
) -> None:
    documents = render(programs, tmp_path, namespace, {"namespaces": [namespace]} if namespaced else {})
    _apply_roles(api, documents)
    user = _user(namespace)
    expected = {
        **dict.fromkeys(_actions(ALLOWED, namespace), True),
        **dict.fromkeys(_actions(REFUSED, namespace), False),
        **dict.fromkeys(_actions(ALLOWED, "kube-public"), not namespaced),
    }
    try:
        _wait_allowed(api, user, [action for action, allowed in expected.items() if allowed])
        assert {action: _may(api, user, action) for action in expected} == expected
    finally:
        _remove_roles(api, documents)


@pytest.mark.parametrize("namespaced", [False, True])
async def test_the_role_suffices_to_lead_and_covers_no_other_lease(
    programs: Path, tmp_path: Path, api: Any, control_plane: Path, namespace: str, namespaced: bool
) -> None:
    documents = render(programs, tmp_path, namespace, {"namespaces": ["default"]} if namespaced else {})
    _apply_roles(api, documents)
    try:
        _wait_allowed(api, _user(namespace), [(namespace, "coordination.k8s.io", "leases", "", "create")], RELEASE)
        async with Kube(await _transport_of_service_account(api, control_plane, namespace)) as kube:
            for holder in ("one", "two"):
                elector = Elector(kube, namespace, RELEASE, identity=holder)
                await elector.acquire()
                assert elector.leading
                await elector.release()
            lease = await kube.get("Lease", namespace, RELEASE)
            assert lease is not None
            assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == ("", 1)
            for place in ((namespace, "other"), ("default", RELEASE)):
                with pytest.raises(Forbidden):
                    await kube.get("Lease", *place)
                with pytest.raises(Forbidden):
                    await kube.replace({**lease, "metadata": dict(zip(("namespace", "name"), place, strict=True))})
            with pytest.raises(Forbidden):
                await kube.list("Lease", namespace)
            with pytest.raises(Forbidden):
                await kube.delete("Lease", namespace, RELEASE)
    finally:
        _remove_roles(api, documents)


async def _transport_of_service_account(api: Any, control_plane: Path, namespace: str) -> Transport:
    core: Any = client.CoreV1Api(api)
    core.create_namespaced_service_account(namespace, {"metadata": {"name": RELEASE}})
    token = core.create_namespaced_service_account_token(RELEASE, namespace, {"spec": {}}).status.token
    configuration = await load_configuration(environ={"KUBECONFIG": str(control_plane)})
    configuration.cert_file = configuration.key_file = None
    configuration.api_key["BearerToken"] = f"Bearer {token}"

    async def reload() -> Configuration:
        return configuration

    return Transport(configuration, reload=reload)


Action = tuple[str, str, str, str, str]


def _actions(table: list[tuple[str, str, str, str]], namespace: str) -> list[Action]:
    return [
        (namespace, group, resource, part, verb) for group, resource, part, verbs in table for verb in verbs.split()
    ]


def _may(api: Any, user: str, action: Action, name: str = "") -> bool:
    namespace, group, resource, part, verb = action
    attributes = {"namespace": namespace, "group": group, "resource": resource, "subresource": part, "verb": verb}
    attributes["name"] = name
    authorization: Any = client.AuthorizationV1Api(api)
    review = {"spec": {"user": user, "resourceAttributes": attributes}}
    return bool(authorization.create_subject_access_review(review).status.allowed)


def _user(namespace: str) -> str:
    return f"system:serviceaccount:{namespace}:{RELEASE}"


def _wait_allowed(api: Any, user: str, actions: list[Action], name: str = "") -> None:
    """The authorizer learns of a role by a watch: a moment after it was written it may not know of it yet."""

    def missing() -> str | None:
        return next((str(action) for action in actions if not _may(api, user, action, name)), None)

    wait_until(f"{user} may do what its role says", missing, seconds=30)


def _apply_roles(api: Any, documents: list[dict[str, Any]]) -> None:
    roles: Any = client.RbacAuthorizationV1Api(api)
    for document in documents:
        kind, name = document["kind"], document["metadata"]["name"]
        options = {"field_manager": "tests", "force": True, "_content_type": "application/apply-patch+yaml"}
        if kind in {"ClusterRole", "ClusterRoleBinding"}:
            {"ClusterRole": roles.patch_cluster_role, "ClusterRoleBinding": roles.patch_cluster_role_binding}[kind](
                name, document, **options
            )
        elif kind in {"Role", "RoleBinding"}:
            write = {"Role": roles.patch_namespaced_role, "RoleBinding": roles.patch_namespaced_role_binding}[kind]
            write(name, document["metadata"]["namespace"], document, **options)


def _remove_roles(api: Any, documents: list[dict[str, Any]]) -> None:
    roles: Any = client.RbacAuthorizationV1Api(api)
    for document in documents:
        name = document["metadata"]["name"]
        if document["kind"] == "ClusterRole":
            roles.delete_cluster_role(name)
        elif document["kind"] == "ClusterRoleBinding":
            roles.delete_cluster_role_binding(name)
