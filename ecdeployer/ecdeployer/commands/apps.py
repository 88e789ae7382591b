from django.apps import AppConfig


class CommandsConfig(AppConfig):
    name = "ecdeployer.commands"
