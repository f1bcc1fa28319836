"""Container images written by hand: layers as plain tar files, streamed as an OCI archive.

The lab's images are file trees, so nothing has to run inside them to build them: no container engine, no mounts.
"""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
NAME_ANNOTATION = "io.containerd.image.name"
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Layer:
    """An uncompressed tar file; `digest` is sha256:HEX of it, `size` its bytes."""

    file: Path
    digest: str
    size: int


@dataclass(frozen=True)
class Image:
    """An image: layers from the bottom to the top, and what a container of it starts."""

    reference: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...] = ()
    user: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def blobs(self) -> tuple[bytes, bytes]:
        """The configuration and the manifest."""
        configuration = encode(
            {
                "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
                "os": "linux",
                "config": {
                    "Env": [f"{key}={value}" for key, value in {"PATH": SEARCH_PATH, **self.environment}.items()],
                    "Entrypoint": list(self.entrypoint),
                    "User": self.user,
                    "WorkingDir": "/",
                },
                "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in self.layers]},
            }
        )
        layers = [descriptor(LAYER_TYPE, layer.digest, layer.size) for layer in self.layers]
        config = descriptor(CONFIG_TYPE, digest_of(configuration), len(configuration))
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": layers}
        return configuration, encode(manifest)

    @property
    def digest(self) -> str:
        """The digest of the manifest: what the image is known by."""
        return digest_of(self.blobs[1])


def encode(document: dict[str, Any]) -> bytes:
    """Return a document as the bytes its digest is taken of."""
    return json.dumps(document, sort_keys=True).encode()


def digest_of(content: bytes) -> str:
    """Return sha256:HEX of some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    """Return what refers to a blob."""
    return {"mediaType": media_type, "digest": digest, "size": size}


def write_layer(file: Path, entries: Sequence[tuple[Path, str]], *, keep_owners: bool = False) -> Layer:
    """Write a layer of files and directory trees.

    Parameters
    ----------
    entries
        Pairs of a file or directory here and its path in the image, "" for the root.
    keep_owners
        Whether owners and modes are kept as they are here; else all belongs to root and everybody may read it.
    """
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as archive:
        for source, target in entries:
            archive.add(source, target or ".", filter=None if keep_owners else for_everybody)
    file.with_suffix(".digest").write_text(file_digest(file))
    return read_layer(file)


def read_layer(file: Path) -> Layer:
    """Return a layer written earlier."""
    return Layer(file, file.with_suffix(".digest").read_text(), file.stat().st_size)


def for_everybody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Give an archive member to root and let everybody read it: pods run as users of their own."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode |= 0o555 if member.isdir() or member.mode & 0o100 else 0o444
    return member


def file_digest(file: Path) -> str:
    """Return sha256:HEX of a file."""
    with file.open("rb") as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"


def write_archive(stream: IO[bytes], images: Sequence[Image], *, present: Collection[str] = ()) -> None:
    """Write an OCI archive of images; each blob once.

    Parameters
    ----------
    present
        Digests of layers the reader has; they are left out.
    """
    written: set[str] = set(present)
    manifests = []
    with tarfile.open(fileobj=stream, mode="w|", bufsize=1 << 20) as archive:
        add_bytes(archive, "oci-layout", encode({"imageLayoutVersion": "1.0.0"}))
        for image in images:
            for layer in image.layers:
                if layer.digest not in written:
                    archive.add(layer.file, blob_path(layer.digest))
                    written.add(layer.digest)
            for content in image.blobs:
                if digest_of(content) not in written:
                    add_bytes(archive, blob_path(digest_of(content)), content)
                    written.add(digest_of(content))
            manifest = descriptor(MANIFEST_TYPE, image.digest, len(image.blobs[1]))
            manifests.append({**manifest, "annotations": {NAME_ANNOTATION: image.reference}})
        add_bytes(archive, "index.json", encode({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}))


def blob_path(digest: str) -> str:
    """Return where a blob lies in an archive."""
    return f"blobs/{digest.replace(':', '/')}"


def add_bytes(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    """Add a small file to an archive."""
    member = tarfile.TarInfo(path)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
