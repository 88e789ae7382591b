from django.apps import AppConfig


class OperatingConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "ecdeployer.operating"

    def ready(self) -> None:
        from . import observing  # noqa: F401 - connects its receivers
