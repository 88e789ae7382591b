from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person who signs in: a developer, or an operator (``is_staff``), who sees every application."""

    time_zone = models.CharField(
        max_length=64, default="UTC", help_text="An IANA name, such as Europe/Lisbon."
    )
    machine_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="Machines at once; empty: as many as the portal's setting says."
    )
    monthly_usd_limit = models.DecimalField(
        "monthly limit in US dollars",
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="For all machines together; empty: as the portal's setting says.",
    )
