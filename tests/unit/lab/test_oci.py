"""Images written by hand: archives that any reader of the OCI layout understands."""

import hashlib
import io
import json
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from lab.oci import NAME_ANNOTATION, Image, Layer, read_layer, write_archive, write_layer


@pytest.fixture
def layer(tmp_path: Path) -> Layer:
    source = tmp_path / "model"
    (source / "1").mkdir(parents=True)
    (source / "config.pbtxt").write_text('backend: "python"')
    (source / "1" / "model.py").write_text("pass")
    source.chmod(0o700)
    (source / "config.pbtxt").chmod(0o600)
    return write_layer(tmp_path / "layer.tar", [(source, "")])


def members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        files = [member for member in opened if member.isfile()]
        return {file.name: content.read() for file in files if (content := opened.extractfile(file))}


def written(*images: Image, present: tuple[str, ...] = ()) -> dict[str, bytes]:
    stream = io.BytesIO()
    write_archive(stream, images, present=present)
    return members(stream.getvalue())


def test_a_layer_holds_the_directory_at_its_root(layer: Layer) -> None:
    with tarfile.open(layer.file) as opened:
        content = {PurePosixPath(member.name): member for member in opened}
    assert sorted(map(str, content)) == [".", "1", "1/model.py", "config.pbtxt"]
    assert {member.uid for member in content.values()} == {0}
    assert [oct(content[PurePosixPath(name)].mode & 0o777) for name in (".", "config.pbtxt")] == ["0o755", "0o644"]
    assert read_layer(layer.file) == layer


def test_every_blob_of_an_archive_is_named_by_its_digest(layer: Layer) -> None:
    archive = written(Image("localhost/a:1", (layer,)), Image("localhost/b:1", (layer,), entrypoint=("/b",)))

    blobs = {name.removeprefix("blobs/sha256/"): content for name, content in archive.items() if "blobs" in name}
    assert len(blobs) == 1 + 2 * 2
    assert {name: hashlib.sha256(content).hexdigest() for name, content in blobs.items()} == {
        name: name for name in blobs
    }


def test_an_index_leads_to_names_configurations_and_layers(layer: Layer) -> None:
    image = Image("localhost/a:1", (layer,), entrypoint=("/a",), user="65532", environment={"A": "b"})
    archive = written(image)

    (entry,) = json.loads(archive["index.json"])["manifests"]
    assert entry["annotations"] == {NAME_ANNOTATION: "localhost/a:1"}
    assert entry["digest"] == image.digest
    manifest = json.loads(archive[f"blobs/{image.digest.replace(':', '/')}"])
    assert [described["digest"] for described in manifest["layers"]] == [layer.digest]
    configuration = json.loads(archive[f"blobs/{manifest['config']['digest'].replace(':', '/')}"])
    assert configuration["rootfs"]["diff_ids"] == [layer.digest]
    assert configuration["config"]["Entrypoint"] == ["/a"]
    assert configuration["config"]["User"] == "65532"
    assert "A=b" in configuration["config"]["Env"]


def test_layers_the_reader_has_are_left_out(layer: Layer) -> None:
    archive = written(Image("localhost/a:1", (layer,)), present=(layer.digest,))

    assert f"blobs/{layer.digest.replace(':', '/')}" not in archive
    assert "index.json" in archive
