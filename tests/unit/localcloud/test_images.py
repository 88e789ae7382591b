import json
import os
import time
from pathlib import Path

import pytest

from localcloud.images import LAYERS_FILE, Image, Store

IMAGE = Image(
    "ami-1", "golden", "of today", "eu-west-1", ("disk-2", "disk-1", "bookworm-x"), "2026-01-01T00:00:00"
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    for name in ("disk-1", "disk-2", "disk-3", "bookworm-x"):
        layer(store, name)
    return store


def layer(store: Store, name: str, *, age: float = 3600) -> Path:
    folder = store.layers / name
    folder.mkdir(parents=True, exist_ok=True)
    moment = time.time() - age
    os.utime(folder, (moment, moment))
    return folder


def kept(store: Store) -> set[str]:
    return {path.name for path in store.layers.iterdir()}


def test_records_survive_as_they_were(store: Store, tmp_path: Path) -> None:
    store.save(IMAGE)
    store.retag("ami-1", {"a": "1"})
    store.retag("ami-gone", {"a": "1"})

    [image] = Store(tmp_path).all()
    assert image.layers == IMAGE.layers
    assert image.tags == {"a": "1"}
    assert store.paths(image.layers)[0] == tmp_path / "layers/disk-2"


def test_layers_of_images_machines_and_bases_stay(store: Store, tmp_path: Path) -> None:
    store.save(IMAGE)
    machine = tmp_path / "run/other/instances/i-1"
    machine.mkdir(parents=True)
    (machine / LAYERS_FILE).write_text(json.dumps(["disk-3", "bookworm-x"]))
    layer(store, "disk-4")

    store.collect()
    assert kept(store) == {"disk-1", "disk-2", "disk-3", "bookworm-x"}

    (machine / LAYERS_FILE).unlink()
    store.remove("ami-1")
    assert kept(store) == {"bookworm-x"}
    assert store.all() == []


def test_a_layer_just_made_is_left_alone(store: Store) -> None:
    layer(store, "disk-new", age=1)
    store.collect()
    assert "disk-new" in kept(store)


def test_a_disk_is_taken_or_copied(store: Store, tmp_path: Path) -> None:
    upper = tmp_path / "machine/upper"
    upper.mkdir(parents=True)
    (upper / "file").write_text("x")

    copied = store.copy(upper)
    assert upper.exists()
    taken = store.take(upper)

    assert not upper.exists()
    assert {(store.layers / name / "file").read_text() for name in (copied, taken)} == {"x"}


def test_disks_left_unfinished_are_cleared(store: Store) -> None:
    layer(store, ".unfinished-bookworm-y")
    store.clear_unfinished(".unfinished-")
    assert ".unfinished-bookworm-y" not in kept(store)
