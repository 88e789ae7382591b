"""Imported by Python when it starts, in processes that tests start with ``recording.environment()``."""

from tests.iam import recording

recording.install()
