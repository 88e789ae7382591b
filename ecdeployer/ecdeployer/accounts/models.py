from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person who signs in: a developer, or an operator (``is_staff``), who sees every application."""

    time_zone = models.CharField(
        max_length=64, default="UTC", help_text="An IANA name, such as Europe/Lisbon."
    )
