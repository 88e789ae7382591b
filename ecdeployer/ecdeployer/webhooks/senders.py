"""Who sends pushes. What the room calls a sender is the way in which a delivery is signed and written."""

from django.db import models


class Sender(models.TextChoices):
    GITHUB = "github", "GitHub"
    GITLAB = "gitlab", "GitLab"
    PLAIN = "plain", "plain POST"
