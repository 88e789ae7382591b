from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone


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


class ApiToken(models.Model):
    """What lets a program act as a person. Only the hash of the token itself is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=63)
    hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the whole token.")
    prefix = models.CharField(max_length=16, help_text="How it begins, to tell it from others.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "name"],
                condition=models.Q(revoked_at=None),
                name="one_token_for_a_name",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        if self.revoked_at:
            return "revoked"
        return "active" if self.expires_at > timezone.now() else "expired"
