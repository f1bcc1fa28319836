"""Python wheels unpacked into a directory: pinned by hash, installed by the same uv that made the environment."""

import compileall
import os
import py_compile
import shutil
import sys
from pathlib import Path

from lab.cache import artifact, cache_root, digest
from lab.errors import LabError
from lab.progress import Reporter
from lab.shell import run

HERE = Path(__file__).parent / "wheels"
IMAGE_PYTHON = (3, 11)


def uv_command() -> str:
    """Return the path of uv: $UV, PATH, or the one `make venv` put into the cache."""
    cached = sorted(cache_root().glob("uv-*/bin/uv"))
    found = os.environ.get("UV") or shutil.which("uv") or (str(cached[-1]) if cached else None)
    if found is None:
        raise LabError(f"uv was found neither on PATH nor in {cache_root()}; run `make venv`, which installs it")
    return found


def install_wheels(name: str, reporter: Reporter) -> Path:
    """Return a directory with the wheels of lab/wheels/NAME.txt unpacked, from the cache where possible."""
    requirements = HERE / f"{name}.txt"
    return artifact(
        f"wheels-{name}", digest(requirements), reporter, lambda directory, _: install(requirements, directory)
    )


def install(requirements: Path, directory: Path) -> None:
    """Unpack the hash-pinned wheels of a requirements file for the Python of our images."""
    version = ".".join(map(str, IMAGE_PYTHON))
    options = ["--quiet", "--python-version", version, "--only-binary", ":all:", "--no-deps", "--require-hashes"]
    run(
        [uv_command(), "pip", "install", *options, "--link-mode", "copy", "--target", directory, "-r", requirements],
        timeout_seconds=900,
    )


def compile_bytecode(directory: Path) -> None:
    """Compile modules so that a pod with a read-only root need not at every start; only the image's own Python can."""
    if sys.version_info[:2] == IMAGE_PYTHON:
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(directory, quiet=2, invalidation_mode=mode, workers=os.cpu_count() or 1)
