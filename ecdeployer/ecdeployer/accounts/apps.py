from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "ecdeployer.accounts"

    def ready(self) -> None:
        from . import audit  # noqa: F401 - connects its receivers
