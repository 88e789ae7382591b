"""The Celery application: messages are wake-ups that carry ids, the rows of the database are the truth."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecdeployer.settings")

celery_application = Celery("ecdeployer")
celery_application.config_from_object("django.conf:settings", namespace="CELERY")
celery_application.autodiscover_tasks()
