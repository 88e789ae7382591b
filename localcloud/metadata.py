"""placeholder"""
from typing import Any
from werkzeug.wrappers import Response
def application(cloud: Any) -> Any:
    return Response("no", status=404)
