from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "ecdeployer.webhooks"
