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
