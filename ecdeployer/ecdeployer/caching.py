"""The cache, of which nothing is needed: while Redis is away it is empty, and takes everything."""

from typing import Any

from django_redis.cache import RedisCache


class OptionalCache(RedisCache):  # type: ignore[misc]
    """django-redis that ignores a Redis which is away.

    ``add`` is used as a lock: one that nobody can take would hold everybody up. allauth answers 429 then.
    """

    def add(self, *arguments: Any, **named: Any) -> bool:
        """False only where Redis has said so."""
        added = super().add(*arguments, **named)
        return True if added is None else bool(added)
