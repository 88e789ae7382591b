"""Small Django projects in the shapes that people have, as files by path."""

from textwrap import dedent

Files = dict[str, str | bytes]

MANAGE = """\
#!/usr/bin/env python
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""
SETTINGS = """\
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "django-insecure-in-the-code"
DEBUG = True
ALLOWED_HOSTS = []
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "pages",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "mysite.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
WSGI_APPLICATION = "mysite.wsgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
"""
WSGI = """\
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
application = get_wsgi_application()
"""
URLS = """\
from django.contrib import admin
from django.urls import path

from pages import views

urlpatterns = [
    path("", views.home),
    path("environment/", views.environment),
    path("visits/", views.visits),
    path("client/", views.client),
    path("receive/", views.receive),
    path("admin/", admin.site.urls),
]
"""
VIEWS = """\
import json
import os
import time

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from pages.models import Visit

RELEASE = "one"


def home(request):
    return HttpResponse(f"<h1>release {RELEASE}</h1>")


def environment(request):
    return JsonResponse({**os.environ, "SECRET_KEY_IN_USE": settings.SECRET_KEY})


def visits(request):
    if "slow" in request.GET:
        time.sleep(float(request.GET["slow"]))
    if "add" in request.GET:
        Visit.objects.create()
    return JsonResponse({"visits": Visit.objects.count(), "release": RELEASE})


def client(request):
    return HttpResponse(request.META["REMOTE_ADDR"] + " " + request.scheme)


@csrf_exempt
def receive(request):
    return HttpResponse(sum(len(chunk) for chunk in iter(lambda: request.read(65536), b"")))
"""
MODELS = """\
from django.db import models


class Visit(models.Model):
    at = models.DateTimeField(auto_now_add=True)
"""
MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Visit",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(auto_now_add=True)),
            ],
        )
    ]
"""


def plain(**settings: str) -> Files:
    """A project that obeys the layout rule; keyword arguments are assigned at the end of its settings."""
    extra = "".join(f"{name} = {value}\n" for name, value in settings.items())
    return {
        "requirements.txt": "django~=5.2.0\n",
        "mysite/manage.py": MANAGE,
        "mysite/mysite/__init__.py": "",
        "mysite/mysite/settings.py": SETTINGS + extra,
        "mysite/mysite/wsgi.py": WSGI,
        "mysite/mysite/urls.py": URLS,
        "mysite/pages/__init__.py": "",
        "mysite/pages/views.py": VIEWS,
        "mysite/pages/models.py": MODELS,
        "mysite/pages/migrations/__init__.py": "",
        "mysite/pages/migrations/0001_initial.py": MIGRATION,
        "mysite/pages/static/pages/style.css": "body { color: teal }\n",
    }


def release(files: Files, name: str) -> Files:
    """The same project, saying another name on its pages."""
    views = str(files["mysite/pages/views.py"]).replace('RELEASE = "one"', f'RELEASE = "{name}"')
    return {**files, "mysite/pages/views.py": views}


def with_requirements(files: Files, text: str) -> Files:
    return {**files, "requirements.txt": dedent(text)}


def utf16_in_project() -> Files:
    files = plain()
    del files["requirements.txt"]
    lines = "Django==5.2.1\r\npywin32==306\r\nsqlparse @ file:///C:/croot/sqlparse\r\npytz\r\n"
    return {**files, "mysite/requirements.txt": lines.encode("utf-16")}


def split_settings() -> Files:
    files = plain()
    base = str(files.pop("mysite/mysite/settings.py")).replace("parent.parent", "parent.parent.parent")
    production = dedent(
        """\
        import os

        from .base import *

        DEBUG = False
        ALLOWED_HOSTS = ["www.example.com"]
        SECRET_KEY = os.environ["APP_SECRET"]
        NAME = os.environ["DB_NAME"]
        SECURE_SSL_REDIRECT = True
        SESSION_COOKIE_SECURE = True
        LOGGING = {
            "version": 1,
            "handlers": {"file": {"class": "logging.FileHandler", "filename": "/var/log/django/app.log"}},
            "root": {"handlers": ["file"], "level": "INFO"},
        }
        """
    )
    return {
        **files,
        "mysite/mysite/settings/__init__.py": "",
        "mysite/mysite/settings/base.py": base,
        "mysite/mysite/settings/production.py": production,
    }


def poetry() -> Files:
    files = plain(AUTH_USER_MODEL='"pages.User"')
    del files["requirements.txt"]
    models = (
        MODELS
        + "\n\nfrom django.contrib.auth.models import AbstractUser\n\n\nclass User(AbstractUser):\n    pass\n"
    )
    del files["mysite/pages/migrations/0001_initial.py"]
    del files["mysite/pages/migrations/__init__.py"]
    project = dedent(
        """\
        [tool.poetry]
        name = "mysite"
        version = "0.1.0"
        description = ""
        authors = []

        [tool.poetry.dependencies]
        python = "^3.10"
        Django = "^5.1"
        djangorestframework = {version = "~3.16", extras = []}
        """
    )
    return {
        **files,
        "pyproject.toml": project,
        "mysite/pages/models.py": models,
        "mysite/pages/migrations/__init__.py": "",
        "mysite/pages/migrations/0001_initial.py": dedent(
            """\
            from django.contrib.auth.models import UserManager
            from django.db import migrations, models


            class Migration(migrations.Migration):
                initial = True
                dependencies = [("auth", "0012_alter_user_first_name_max_length")]
                operations = [
                    migrations.CreateModel(
                        name="Visit",
                        fields=[
                            ("id", models.BigAutoField(primary_key=True, serialize=False)),
                            ("at", models.DateTimeField(auto_now_add=True)),
                        ],
                    ),
                    migrations.CreateModel(
                        name="User",
                        fields=[
                            ("id", models.BigAutoField(primary_key=True, serialize=False)),
                            ("password", models.CharField(max_length=128)),
                            ("last_login", models.DateTimeField(blank=True, null=True)),
                            ("is_superuser", models.BooleanField(default=False)),
                            ("username", models.CharField(max_length=150, unique=True)),
                            ("first_name", models.CharField(blank=True, max_length=150)),
                            ("last_name", models.CharField(blank=True, max_length=150)),
                            ("email", models.EmailField(blank=True, max_length=254)),
                            ("is_staff", models.BooleanField(default=False)),
                            ("is_active", models.BooleanField(default=True)),
                            ("date_joined", models.DateTimeField(auto_now_add=True)),
                            ("groups", models.ManyToManyField(blank=True, to="auth.group")),
                            ("user_permissions", models.ManyToManyField(blank=True, to="auth.permission")),
                        ],
                        managers=[("objects", UserManager())],
                    ),
                ]
            """
        ),
    }


def pipfile() -> Files:
    files = plain()
    del files["requirements.txt"]
    return {**files, "Pipfile": '[packages]\ndjango = "~=5.2.0"\nrequests = {version = "*"}\n'}


def channels() -> Files:
    files = plain(ASGI_APPLICATION='"mysite.asgi.application"')
    del files["mysite/mysite/wsgi.py"]
    asgi = dedent(
        """\
        import os

        from channels.generic.websocket import WebsocketConsumer
        from channels.routing import ProtocolTypeRouter, URLRouter
        from django.core.asgi import get_asgi_application
        from django.urls import path

        os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"


        class Echo(WebsocketConsumer):
            def receive(self, text_data=None, bytes_data=None):
                self.send(text_data=f"echo {text_data}")


        http = get_asgi_application()
        application = ProtocolTypeRouter(
            {"http": http, "websocket": URLRouter([path("echo/", Echo.as_asgi())])}
        )
        """
    )
    return {**files, "mysite/mysite/asgi.py": asgi, "requirements.txt": "django~=5.2.0\nchannels\n"}


def forced_settings() -> Files:
    files = plain()
    wsgi = WSGI.replace(
        'environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")',
        'environ["DJANGO_SETTINGS_MODULE"] = "mysite.absent"',
    )
    return {**files, "mysite/mysite/wsgi.py": wsgi}
