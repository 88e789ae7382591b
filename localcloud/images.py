"""Images kept on disk: a JSON record each, over layers that several images and machines may share."""

import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from localcloud.host import run
from localcloud.mounts import remove_tree

BASE_IMAGE = "ami-0deb1a00000000012"
LAYERS_FILE = "layers.json"
# A new layer is named in no record for a moment.
_GRACE_SECONDS = 30


@dataclass(frozen=True)
class Image:
    """A record of an AMI; `layers` are folder names, the topmost first."""

    image_id: str
    name: str
    description: str
    region: str
    layers: tuple[str, ...]
    created_at: str
    source_instance_id: str = ""
    tags: dict[str, str] = field(default_factory=dict)


class Store:
    """The images of one state folder, which several local clouds may use at once."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self.layers = state / "layers"
        self._records = state / "images"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One writer at a time, in this process and others."""
        self.layers.mkdir(parents=True, exist_ok=True)
        self._records.mkdir(parents=True, exist_ok=True)
        with (self._state / "images.lock").open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            yield

    def all(self) -> list[Image]:
        """Every image, oldest first."""
        images = []
        for file in self._records.glob("ami-*.json"):
            with suppress(FileNotFoundError):
                values = json.loads(file.read_text())
                images.append(Image(**{**values, "layers": tuple(values["layers"])}))
        return sorted(images, key=lambda image: image.created_at)

    def save(self, image: Image) -> None:
        """Write a record whole or not at all."""
        with self.locked():
            self._write(image)

    def retag(self, image_id: str, tags: dict[str, str]) -> None:
        """Note an image's tags; one that was removed meanwhile stays removed."""
        with self.locked():
            for image in self.all():
                if image.image_id == image_id:
                    self._write(replace(image, tags=tags))

    def _write(self, image: Image) -> None:
        partial = self._records / f".{image.image_id}.partial"
        partial.write_text(json.dumps(asdict(image), indent=1))
        partial.rename(self._records / f"{image.image_id}.json")

    def remove(self, image_id: str) -> None:
        """Forget an image, and delete the layers that nothing uses any more."""
        with self.locked():
            (self._records / f"{image_id}.json").unlink(missing_ok=True)
            self._collect()

    def clear_unfinished(self, prefix: str) -> None:
        """Delete disks that nobody is making any more; while somebody makes one, nothing."""
        if not self.layers.exists():
            return
        with (self._state / "images.lock").open("w") as guard, suppress(BlockingIOError):
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for folder in self.layers.glob(f"{prefix}*"):
                remove_tree(folder)

    def collect(self) -> None:
        """Delete the layers that no image and no machine uses, and those left unfinished."""
        with self.locked():
            self._collect()

    def _collect(self) -> None:
        used = {layer for image in self.all() for layer in image.layers}
        for file in self._state.glob(f"run/*/instances/*/{LAYERS_FILE}"):
            with suppress(FileNotFoundError):
                used.update(json.loads(file.read_text()))
        for layer in self.layers.iterdir():
            # Base disks stay: the next start would only have to make them again.
            settled = layer.name.startswith("disk-") and time.time() - layer.stat().st_mtime > _GRACE_SECONDS
            if settled and layer.name not in used:
                remove_tree(layer)

    def paths(self, layers: tuple[str, ...]) -> tuple[Path, ...]:
        """Where layers lie."""
        return tuple(self.layers / layer for layer in layers)

    def take(self, upper: Path) -> str:
        """Make a layer of what a machine that is off has written, at once; the machine goes on over it."""
        name = f"disk-{uuid.uuid4().hex}"
        with self.locked():
            self._add(upper, name)
        return name

    def _add(self, folder: Path, name: str) -> None:
        os.utime(folder)
        folder.rename(self.layers / name)

    def copy(self, upper: Path) -> str:
        """Make a layer of what a running machine has written so far."""
        name = f"disk-{uuid.uuid4().hex}"
        partial = upper.parent / f".{name}"
        try:
            run("cp", "--archive", "--reflink=auto", "--one-file-system", upper, partial, seconds=900)
            with self.locked():
                self._add(partial, name)
        finally:
            remove_tree(partial)
        return name
