"""The API server: moto's application behind a front that keeps its own doors shut."""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Response

Environment = dict[str, Any]
Application = Callable[[Environment, Any], Iterable[bytes]]


def configure(region: str) -> None:
    """Moto's settings, before it makes any record."""
    os.environ.update(MOTO_EC2_LOAD_DEFAULT_AMIS="false", AWS_DEFAULT_REGION=region)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)


def front(metadata: Application) -> Application:
    """`/latest/` is the metadata service; what would reset moto or answer in its name is not there."""
    moto = DomainDispatcherApplication(create_backend_app)

    def application(environ: Environment, start_response: Any) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        if path == "/latest" or path.startswith("/latest/"):
            return metadata(environ, start_response)
        if path.startswith("/moto-api"):
            return Response("Not Found", status=404)(environ, start_response)
        answer: Iterable[bytes] = moto(environ, start_response)
        return answer

    return application


class Servers:
    """One application on several addresses, each only there."""

    def __init__(self, application: Application, addresses: Iterable[str], port: int) -> None:
        self._servers: list[BaseWSGIServer] = []
        try:
            for address in addresses:
                server = make_server(
                    address, port, application, threaded=True, request_handler=MotoRequestHandler
                )
                self._servers.append(server)
        except (OSError, SystemExit):
            self.close()
            raise
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        for server in self._servers:
            with suppress(OSError):
                threading.Thread(target=server.shutdown, daemon=True).start()
                server.server_close()
