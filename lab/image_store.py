"""containerd's own store with the lab's images in it, made once and linked into every new lab.

Importing and unpacking takes longer than all the rest of a start. Blobs and unpacked layers are never written again
once they are complete, so that labs can share them by hard links; only the databases are copied.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from lab.cache import artifact, digest
from lab.images import import_images
from lab.namespaces import Namespaces
from lab.node import spawn_containerd, stop_containerd, store_directory
from lab.oci import Image
from lab.progress import Reporter, Step
from lab.shell import run

STORES_KEPT = 2


def store_key(images: Sequence[Image]) -> str:
    """Return the key of a store: the names and digests of its images."""
    return digest(*(image.reference + image.digest for image in images))


def provide_images(namespaces: Namespaces, programs: Path, images: Sequence[Image], reporter: Reporter) -> None:
    """Fill the store of a lab whose containerd does not run yet."""
    own = store_directory(namespaces.instance)

    def build(directory: Path, step: Step) -> None:
        step.note("importing")
        spawn_containerd(namespaces, programs)
        import_images(namespaces, programs, images)
        stop_containerd(namespaces)
        link_store(own, directory / "store")
        shutil.rmtree(own)

    store = artifact("image-store", store_key(images), reporter, build, kept=STORES_KEPT)
    link_store(store / "store", own)


def link_store(source: Path, target: Path) -> None:
    """Make a store from another one: databases copied, all else linked, or copied between file systems."""
    linkable = source.stat().st_dev == target.parent.stat().st_dev
    run(["cp", "--archive", *(["--link"] if linkable else []), str(source), str(target)])
    for database in source.glob("*/*.db"):
        copy = target / database.relative_to(source)
        copy.unlink()
        shutil.copy2(database, copy)
