"""placeholder"""
from typing import Any
def install(cloud: Any) -> None:
    return
