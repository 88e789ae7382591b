from .celery import celery_application

__all__ = ["celery_application"]
