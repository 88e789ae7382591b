from django.db import models


class Heartbeat(models.Model):
    """When a task last went all the way round: beat, broker, worker, database."""

    ONLY = 1

    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.at}"
