"""Encrypt what one program prints, and authenticate it; check that, and hand it to another program.

A sealed file is what `openssl enc` makes of the stream (AES-256 in counter mode, a salt of its own) and
HMAC-SHA256 over that. The two keys, and whatever else both sides alone are to know, are derived from one
secret. They agree on that by X25519: only public halves leave a machine. Nothing of it is an argument of a
program: `ps` shows those to every user of the machine.
"""

import base64
import contextlib
import hashlib
import hmac
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import IO, Any

CHUNK = 1 << 20
TAG = hashlib.sha256().digest_size


class SealError(Exception):
    """It was changed on its way, or belongs to something else."""


class PartError(Exception):
    """A program that reads or writes what is sealed has failed; the text says which, and why."""


def make_key(path: str) -> str:
    """A private half in this file, for root alone; the public one, in base64."""
    subprocess.run(["openssl", "genpkey", "-algorithm", "X25519", "-out", path], check=True)
    os.chmod(path, 0o600)
    command = ["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"]
    return base64.b64encode(subprocess.run(command, check=True, capture_output=True).stdout).decode()


def agree(path: str, peer: str) -> str:
    """The secret that the owner of the other half comes to as well. Raises SealError for what is no half."""
    command = ["openssl", "pkeyutl", "-derive", "-inkey", path, "-peerkey", "/dev/stdin", "-peerform", "DER"]
    try:
        given = base64.b64decode(peer, validate=True)
        return subprocess.run(command, input=given, check=True, capture_output=True).stdout.hex()
    except (ValueError, subprocess.CalledProcessError):
        raise SealError("The other machine's key is none.") from None


def derived(secret: str, purpose: str) -> str:
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def seal(
    command: list[str],
    path: str,
    *,
    secret: str,
    purpose: str,
    tick: Callable[[], None] = lambda: None,
    **how: Any,
) -> int:
    """What the command prints, sealed; its size. `tick` is called after each MiB. Raises PartError."""
    mac = hmac.new(derived(secret, f"tag of {purpose}").encode(), digestmod=hashlib.sha256)
    with open(path, "wb") as file, subprocess.Popen(command, stdout=subprocess.PIPE, **how) as source:
        with cipher(secret, purpose, stdin=source.stdout) as engine:
            for chunk in chunks(engine.stdout):
                mac.update(chunk)
                file.write(chunk)
                tick()
        file.write(mac.digest())
    expect(source, purpose)
    expect(engine, purpose)
    return os.path.getsize(path)


def verify(path: str, *, secret: str, purpose: str) -> None:
    """Raises SealError for anything but what `seal` made with this secret for this purpose."""
    mac = hmac.new(derived(secret, f"tag of {purpose}").encode(), digestmod=hashlib.sha256)
    size = os.path.getsize(path) - TAG
    with open(path, "rb") as file:
        for chunk in chunks(file, max(size, 0)):
            mac.update(chunk)
        if size < 0 or not hmac.compare_digest(mac.digest(), file.read()):
            raise SealError(f"What was handed over ({purpose}) is not what the other machine sealed.")


def unseal(path: str, command: list[str], *, secret: str, purpose: str, **how: Any) -> None:
    """Hand what was sealed to the command; call `verify` before. Raises PartError."""
    size = os.path.getsize(path) - TAG
    with (
        cipher(secret, purpose, "-d", stdin=subprocess.PIPE) as engine,
        subprocess.Popen(command, stdin=engine.stdout, **how) as target,
    ):
        assert engine.stdin is not None  # noqa: S101 - it was asked for
        assert engine.stdout is not None  # noqa: S101
        # The target alone reads it: when that ends early, the engine ends too.
        engine.stdout.close()
        with contextlib.suppress(BrokenPipeError), open(path, "rb") as file, engine.stdin as pipe:
            for chunk in chunks(file, size):
                pipe.write(chunk)
    expect(target, purpose)
    expect(engine, purpose)


def cipher(secret: str, purpose: str, *options: str, stdin: Any) -> "subprocess.Popen[bytes]":
    """OpenSSL, which reads its passphrase from a pipe."""
    reading, writing = os.pipe()
    with open(writing, "wb") as pipe:
        pipe.write(derived(secret, f"key of {purpose}").encode())
    try:
        return subprocess.Popen(
            ["openssl", "enc", "-aes-256-ctr", "-pbkdf2", "-pass", f"fd:{reading}", *options],
            stdin=stdin,
            stdout=subprocess.PIPE,
            pass_fds=[reading],
        )
    finally:
        os.close(reading)


def chunks(file: IO[bytes] | None, size: int | None = None) -> Iterator[bytes]:
    """Of a file's next bytes, or of all."""
    assert file is not None  # noqa: S101 - it was asked for
    while size is None or size > 0:
        chunk = file.read(CHUNK if size is None else min(CHUNK, size))
        if not chunk:
            return
        size = None if size is None else size - len(chunk)
        yield chunk


def expect(process: "subprocess.Popen[bytes]", purpose: str) -> None:
    """What it has said of a failure stands in the output."""
    if process.returncode:
        raise PartError(f"The {purpose} could not be moved: a program ended with {process.returncode}.")
