"""A worker or a web process that is killed at a boundary: killing.py FILE COMMAND...

FILE holds the name of the boundary; the process group dies with SIGKILL when it comes there, and the file is
removed first, so that it happens once. Without the file nothing happens.
"""

import importlib
import importlib.util
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any, ClassVar

#: Module, function, and whether it is killed before or after it.
BOUNDARIES: dict[str, tuple[str, str, str]] = {
    "web before the commit": ("ecdeployer.applications.actions", "_launch_and_deploy", "after"),
    "web after the commit": ("ecdeployer.wakeups", "_send", "before"),
    "after the claim": ("ecdeployer.deployments.provisioning", "_work", "before"),
    "repository read": ("ecdeployer.deployments.preparation", "read_repository", "after"),
    "turn taken": ("ecdeployer.instances.launch_queue", "ask", "after"),
    "token committed": ("ecdeployer.instances.provisioning", "_commit", "after"),
    "answer unread": ("botocore.httpsession", "URLLib3Session.send", "launch"),
    "answer unsaved": ("ecdeployer.instances.records", "adopt", "before"),
    "address allocated": ("ecdeployer.aws.addresses", "allocate", "after"),
    "address led": ("ecdeployer.aws.addresses", "associate", "after"),
    "environment written": ("ecdeployer.instances.environment", "write", "after"),
    "while waiting": ("ecdeployer.deployments.watching", "watch", "before"),
    "before the end": ("ecdeployer.deployments.endings", "succeed", "before"),
    "before the ack": ("ecdeployer.deployments.endings", "succeed", "after"),
    "command unsent": ("ecdeployer.instances.commands", "send", "before"),
    "command unsaved": ("ecdeployer.instances.commands", "send", "after"),
    "move asked for": ("ecdeployer.commands.moving", "_put", "after"),
    "move ended": ("ecdeployer.deployments.rebuilding", "_take_over", "after"),
    "end asked for": ("ecdeployer.aws.ec2", "terminate", "after"),
    "end verified": ("ecdeployer.instances.ledger", "verify", "after"),
}


def main(file: str, command: str, *arguments: str) -> None:
    for name, (module, path, when) in BOUNDARIES.items():
        _Finder.wanted.setdefault(module, []).append((Path(file), name, path, when))
    _Finder.arm_what_is_loaded()
    sys.argv = [command, *arguments]
    runpy.run_path(command, run_name="__main__")


class _Finder:
    """Wraps the functions of a module as soon as it was loaded: the portal's need Django to be set up."""

    wanted: ClassVar[dict[str, list[tuple[Path, str, str, str]]]] = {}

    @classmethod
    def arm_what_is_loaded(cls) -> None:
        """Of botocore: the process notes from its start what is asked of AWS."""
        for name in cls.wanted.keys() & sys.modules.keys():
            for each in cls.wanted.pop(name):
                _wrap(sys.modules[name], *each)

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in cls.wanted:
            return None
        armed = cls.wanted.pop(name)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_arm(module: Any) -> None:
            execute(module)
            for each in armed:
                _wrap(module, *each)

        spec.loader.exec_module = execute_and_arm  # type: ignore[method-assign]
        return spec


def _wrap(module: Any, file: Path, name: str, path: str, when: str) -> None:
    owner = module
    *parents, last = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    real = getattr(owner, last)

    def boundary(*given: Any, **named: Any) -> Any:
        if when == "before":
            _die(file, name)
        answer = real(*given, **named)
        if when == "after" or (when == "launch" and b"Action=RunInstances" in _body(given)):
            _die(file, name)
        return answer

    setattr(owner, last, boundary)


def _body(given: tuple[Any, ...]) -> bytes:
    body = getattr(given[1], "body", b"") if len(given) > 1 else b""
    return body if isinstance(body, bytes) else str(body).encode()


def _die(file: Path, name: str) -> None:
    try:
        if file.read_text() != name:
            return
        file.unlink()
    except FileNotFoundError:
        return
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.meta_path.insert(0, _Finder)
    main(*sys.argv[1:])
