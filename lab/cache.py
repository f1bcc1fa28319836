"""Things built once: directories under the cache root, named by a hash of everything that went into them."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.progress import Reporter, Step

KEPT_PER_KIND = 3


def cache_root() -> Path:
    """Return $TIDEGATE_CACHE or ~/.cache/tidegate."""
    return Path(os.environ.get("TIDEGATE_CACHE") or Path.home() / ".cache" / "tidegate")


def digest(*parts: str | Path) -> str:
    """Return 16 hexadecimal digits of the SHA-256 over texts and over files (a directory: all its files by name)."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            total.update(b"text\0" + part.encode() + b"\0")
            continue
        for file in sorted(part.rglob("*")) if part.is_dir() else [part]:
            if file.is_file() and "__pycache__" not in file.parts:
                total.update(f"file\0{file.relative_to(part.parent)}\0".encode() + file.read_bytes())
    return total.hexdigest()[:16]


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold an exclusive lock on `file` (made where absent); it ends with the process that holds it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def artifact(
    kind: str, key: str, reporter: Reporter, build: Callable[[Path, Step], None], *, kept: int = KEPT_PER_KIND
) -> Path:
    """Return the directory `kind`/`key` of the cache, built into a partial directory first where absent.

    Parameters
    ----------
    kind
        Names the step too, as the user sees it.
    key
        A `digest` of all inputs of the build.
    build
        Fills the empty directory it is given.
    kept
        How many entries of this kind stay in the cache, the most recently used.
    """
    directory = cache_root() / kind / key
    with reporter.step(f"build {kind}") as step, locked(cache_root() / f"{kind}.lock"):
        if directory.is_dir():
            step.cached()
        else:
            partial = directory.with_name(f"{key}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            build(partial, step)
            partial.rename(directory)
        os.utime(directory)
        prune(directory.parent, kept)
    return directory


def prune(kind: Path, kept: int) -> None:
    """Remove all but the `kept` most recently used entries of one kind."""
    entries = sorted(kind.iterdir(), key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in entries[kept:]:
        shutil.rmtree(entry, ignore_errors=True)
