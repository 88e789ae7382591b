from typing import Any

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Response

from localcloud import server


@pytest.fixture
def client() -> Client:
    def metadata(environ: dict[str, Any], start_response: Any) -> Any:
        return Response("metadata")(environ, start_response)

    return Client(server.front(metadata))


@pytest.mark.parametrize("path", ["/latest", "/latest/api/token", "/latest/meta-data/instance-id"])
def test_latest_is_the_metadata_service(client: Client, path: str) -> None:
    assert client.get(path).text == "metadata"


@pytest.mark.parametrize("path", ["/moto-api/", "/moto-api/reset", "/moto-api/data.json"])
def test_moto_cannot_be_reset_from_outside(client: Client, path: str) -> None:
    assert client.post(path).status_code == 404
