from pathlib import Path

import pytest

from tests.unit.delivery.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.make()
    return machine


@pytest.fixture
def installed(machine: Machine) -> Machine:
    """The first bundle is on the disk."""
    machine.install()
    return machine
