from django.apps import AppConfig


class OperatingConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "ecdeployer.operating"

    def ready(self) -> None:
        from . import leaving, observing  # noqa: F401 - they connect their receivers
