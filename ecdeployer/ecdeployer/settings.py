"""Django's settings, from the operator's configuration (see ``configuration.py`` and docs/operating.md)."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import SELF

from . import logs, measuring, release, reporting
from .configuration import load
from .git import host_keys

BASE_DIR = Path(__file__).resolve().parent.parent
CONFIGURATION = load(default_directory=str(BASE_DIR))

SECRET_KEY = CONFIGURATION.secret_key
SECRET_KEY_FALLBACKS = CONFIGURATION.secret_key_fallbacks
DEBUG = CONFIGURATION.debug
PORTAL_URL = CONFIGURATION.portal_url
_PORTAL_HOSTS = {urlsplit(url).hostname or "" for url in (PORTAL_URL, CONFIGURATION.instance_portal_url)}
ALLOWED_HOSTS = sorted({*_PORTAL_HOSTS, *CONFIGURATION.allowed_hosts})
CSRF_TRUSTED_ORIGINS = [PORTAL_URL]
ROOT_URLCONF = "ecdeployer.urls"
WSGI_APPLICATION = "ecdeployer.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SITE_NAME = "EC Django Deployer"
#: What the build wrote, and the machine that it was deployed to.
RELEASE = release.read(BASE_DIR / "release.json")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "bootstrap",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "django_htmx",
    "ecdeployer.accounts",
    "ecdeployer.applications",
    "ecdeployer.instances",
    "ecdeployer.deployments",
    "ecdeployer.commands",
    "ecdeployer.machines",
    "ecdeployer.maintenance",
    "ecdeployer.webhooks",
    "ecdeployer.alerts",
    "ecdeployer.figures",
    "ecdeployer.operating",
    "ecdeployer.api",
]

MIDDLEWARE = [
    "ecdeployer.operating.middleware.ProbeMiddleware",
    "ecdeployer.operating.middleware.MeasuringMiddleware",
    "ecdeployer.operating.middleware.RequestIdMiddleware",
    # Before whatever may answer by itself: what is refused has the same headers.
    "ecdeployer.operating.middleware.HeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "ecdeployer.webhooks.middleware.HookMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ecdeployer.api.middleware.ProblemMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "ecdeployer.accounts.middleware.OriginMiddleware",
    "ecdeployer.accounts.middleware.PersonMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "ecdeployer" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ecdeployer.accounts.context.portal",
            ],
        },
    },
]
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

# --- data ------------------------------------------------------------------------------------------------
DATABASES: dict[str, Any] = {
    "default": dict(
        dj_database_url.parse(CONFIGURATION.database_url, conn_max_age=60, conn_health_checks=True)
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # Seconds, and milliseconds: a server that is gone without a word costs no more than that.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "tcp_user_timeout": 20_000,
        **DATABASES["default"].get("OPTIONS", {}),
    }
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Writers of the web and worker processes queue for the file instead of failing at once:
    # https://docs.djangoproject.com/en/5.2/ref/databases/#database-is-locked-errors
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
CACHES = {
    "default": {
        "BACKEND": "ecdeployer.caching.OptionalCache",
        "LOCATION": CONFIGURATION.redis_url,
        "KEY_PREFIX": "ecdeployer",
        # Nothing in it is needed: while Redis is away people sign in without the throttle.
        "OPTIONS": {
            "IGNORE_EXCEPTIONS": True,
            "LOG_IGNORED_EXCEPTIONS": True,
            "SOCKET_CONNECT_TIMEOUT": 0.3,
            "SOCKET_TIMEOUT": 0.3,
        },
    }
}

# --- background work: short tasks, ids only, safe to run twice ---------------------------------------------
CELERY_BROKER_URL = CONFIGURATION.redis_url
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Longer than the longest task, so that none is handed out twice while it runs.
    "visibility_timeout": 900,
    "global_keyprefix": "ecdeployer-",
    # A page does not wait for a broker that is away: beat finds what was not said.
    "socket_connect_timeout": 2,
    "socket_timeout": 3,
    "max_retries": 1,
    "interval_start": 0,
    "interval_max": 0.2,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "ecdeployer.operating.leading:LeadingScheduler"
CELERY_BEAT_SCHEDULE = {
    "reconcile": {
        "task": "ecdeployer.instances.tasks.reconcile",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "check-status": {
        "task": "ecdeployer.instances.tasks.check_status",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "learn-images": {
        "task": "ecdeployer.instances.tasks.learn_images",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "heartbeat": {
        "task": "ecdeployer.operating.tasks.beat",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "publish-ages": {
        "task": "ecdeployer.operating.tasks.publish_ages",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "advance": {
        "task": "ecdeployer.deployments.tasks.advance_all",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "advance-changes": {
        "task": "ecdeployer.machines.tasks.advance_all",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "advance-commands": {
        "task": "ecdeployer.commands.tasks.advance_all",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "prune-commands": {
        "task": "ecdeployer.commands.tasks.prune",
        "schedule": 600.0,
        "options": {"expires": 600.0},
    },
    "look-at-maintenance": {
        "task": "ecdeployer.maintenance.tasks.look_at_all",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "settle-pushes": {
        "task": "ecdeployer.webhooks.tasks.settle_all",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "ask-for-heads": {
        "task": "ecdeployer.webhooks.tasks.ask_for_heads",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "collect-figures": {
        "task": "ecdeployer.figures.tasks.collect",
        "schedule": 15.0,
        "options": {"expires": 15.0},
    },
    "look-at-sites": {
        "task": "ecdeployer.figures.tasks.look_at_sites",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "send-notifications": {
        "task": "ecdeployer.alerts.tasks.send_all",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "tell-late": {
        "task": "ecdeployer.alerts.tasks.tell_late",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "prune-notifications": {
        "task": "ecdeployer.alerts.tasks.prune",
        "schedule": 3600.0,
        "options": {"expires": 3600.0},
    },
    "thin-figures": {
        "task": "ecdeployer.figures.tasks.thin",
        "schedule": 3600.0,
        "options": {"expires": 3600.0},
    },
    "prune-deliveries": {
        "task": "ecdeployer.webhooks.tasks.prune",
        "schedule": 600.0,
        "options": {"expires": 600.0},
    },
}

# --- people ------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "applications:list"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_FORMS = {
    "login": "ecdeployer.accounts.forms.LoginForm",
    "signup": "ecdeployer.accounts.forms.SignupForm",
}
ACCOUNT_ADAPTER = "ecdeployer.accounts.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "ecdeployer.accounts.adapters.SocialAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if CONFIGURATION.email_url else "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key", "signup": "20/h/ip"}
ACCOUNT_SESSION_REMEMBER = True
ALLAUTH_TRUSTED_PROXY_COUNT = CONFIGURATION.trusted_proxies
SIGN_UP = CONFIGURATION.sign_up
FIRST_OPERATOR_SHA256 = CONFIGURATION.first_operator_sha256
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_LOGIN_ON_GET = False
GITHUB_SIGN_IN = bool(CONFIGURATION.github_client_id and CONFIGURATION.github_client_secret)
SOCIALACCOUNT_PROVIDERS = {
    "github": {
        "APPS": [{"client_id": CONFIGURATION.github_client_id, "secret": CONFIGURATION.github_client_secret}]
        if GITHUB_SIGN_IN
        else [],
        "SCOPE": ["user:email"],
    }
}
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
if CONFIGURATION.email_url:
    _email = urlsplit(CONFIGURATION.email_url)
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = _email.hostname or "", _email.port or 587
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email.username or "", _email.password or ""
    EMAIL_USE_TLS = _email.scheme == "smtp+tls"
EMAIL_TIMEOUT = 10
#: Whether there is somewhere to send e-mail to: without, it goes to the console.
SENDS_EMAIL = bool(CONFIGURATION.email_url)
DEFAULT_FROM_EMAIL = CONFIGURATION.email_from

# --- pages -------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = CONFIGURATION.static_root
#: Holds those of every release; without, each machine has its own alone.
STATIC_BUCKET = CONFIGURATION.static_bucket
STATICFILES_DIRS = [BASE_DIR / "ecdeployer" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
_HTTPS = PORTAL_URL.startswith("https://")
SECURE_SSL_REDIRECT = _HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if CONFIGURATION.trusted_proxies else None
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_NAME = "__Host-session" if _HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if _HTTPS else "csrf"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 14 * 24 * 3600
# A cookie of its own could not have the prefix.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": [SELF, "https://github.com"] if GITHUB_SIGN_IN else [SELF],
    }
}

# --- logs --------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "ecdeployer.logs.Redacting",
            "format": "{asctime} {levelname} {name}: {message}{ids}",
            "style": "{",
        },
        "json": {
            "()": "ecdeployer.logs.JsonLine",
            "format": "{asctime}{levelname}{name}{message}",
            "style": "{",
            "rename_fields": {"asctime": "at", "levelname": "level", "name": "logger"},
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": CONFIGURATION.log_format}},
    "root": {"handlers": ["console"], "level": CONFIGURATION.log_level},
    # botocore tells at INFO where it found credentials, once for each client.
    "loggers": {"botocore": {"level": "WARNING"}},
}

logs.Redacting.secrets = CONFIGURATION.secrets()
METRICS_TOKEN = CONFIGURATION.metrics_token
METRICS_DIRECTORY = CONFIGURATION.metrics_directory
if METRICS_DIRECTORY:
    measuring.share(METRICS_DIRECTORY)
if CONFIGURATION.sentry_dsn:
    reporting.start(CONFIGURATION.sentry_dsn)

# --- what the portal deploys -------------------------------------------------------------------------------
INSTANCE_PORTAL_URL = CONFIGURATION.instance_portal_url
AWS_REGION = CONFIGURATION.aws_region
AWS_ENDPOINT_URL = CONFIGURATION.aws_endpoint_url
INSTANCE_AWS_ENDPOINT_URL = CONFIGURATION.instance_aws_endpoint_url
RESOURCE_PREFIX = CONFIGURATION.resource_prefix
BASE_AMI_PARAMETER = CONFIGURATION.base_ami_parameter
INSTANCE_TYPES = CONFIGURATION.instance_types
MACHINES = CONFIGURATION.machines
MACHINES_PER_OWNER = CONFIGURATION.machines_per_owner
MONTHLY_USD = CONFIGURATION.monthly_usd
MONTHLY_USD_PER_OWNER = CONFIGURATION.monthly_usd_per_owner
AGENTS = CONFIGURATION.agents
CLOUDWATCH_NAMESPACE = CONFIGURATION.cloudwatch_namespace
#: Whether machines put their own figures there, by AWS's agent.
CLOUDWATCH_AGENT = CONFIGURATION.cloudwatch_agent
GIT_HOSTS = CONFIGURATION.git_hosts
#: What ssh may meet, as lines of known_hosts.
GIT_KNOWN_HOSTS = host_keys.with_published(CONFIGURATION.git_known_hosts)
#: Beside public https: where alerts may be posted to, as scheme://host[:port].
ALERT_HOSTS = CONFIGURATION.alert_hosts
GITHUB_API_URL = CONFIGURATION.github_api_url
PUSH_POLL_SECONDS = CONFIGURATION.push_poll_seconds
ACCEPT_ROOT_MANAGE = CONFIGURATION.accept_root_manage
MACHINE_PYTHON = CONFIGURATION.machine_python
PYTHON_DOWNLOADS = CONFIGURATION.python_downloads
