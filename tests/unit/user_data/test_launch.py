import json

import pytest

from user_data import launch


def test_the_developers_values_stand_between_placeholders_and_our_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(launch, "ask_addresses", lambda: ["203.0.113.7"])
    document = {
        "environment": {
            "A": "given $(id)\n'",
            "DJANGO_SETTINGS_MODULE": "mine",
            "HOME": "/x",
            "PYTHONPATH": "/lib",
        },
        "placeholders": [["A", "placeholder"], ["B", "placeholder"]],
        "settings_module": "mysite.settings",
    }
    environment = launch.compose(document, "/srv/ecdeployer/releases/000001")
    assert environment["A"] == "given $(id)\n'"
    assert environment["B"] == "placeholder"
    assert environment["DJANGO_SETTINGS_MODULE"] == "ecdeployer_settings"
    assert environment["PYTHONPATH"] == "/srv/ecdeployer/releases/000001/python:/lib"
    assert "given $(id)" not in environment["ECDEPLOYER_OVERLAY"]
    assert json.loads(environment["ECDEPLOYER_OVERLAY"])["addresses"] == ["203.0.113.7"]


def test_an_address_that_comes_later_is_the_sites_own_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "ask_addresses", lambda: ["203.0.113.7"])
    document = {"environment": {}, "placeholders": [], "addresses": ["203.0.113.7", "198.51.100.4"]}
    environment = launch.compose(document, "/srv/ecdeployer/releases/000001")
    assert json.loads(environment["ECDEPLOYER_OVERLAY"])["addresses"] == ["203.0.113.7", "198.51.100.4"]
