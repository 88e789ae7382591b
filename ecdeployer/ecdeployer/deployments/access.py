"""An application's repository as git is given it: where it is, and the deploy key where there is one."""

from django.conf import settings

from ..applications.models import Application, DeployKey
from ..aws.errors import AWSError
from ..git import keys
from ..git.repository import GitError, Key, RepositoryURL, parse_url
from ..instances import deploy_keys

_LOST = "Parameter Store does not hold the private half of the deploy key that the page shows."


def source_of(application: Application) -> RepositoryURL:
    """Raises RepositoryURLError: the operator's settings may have changed since it was registered."""
    return parse_url(application.github_url, allowed_hosts=settings.GIT_HOSTS)


def has_key(application: Application) -> bool:
    return DeployKey.objects.filter(application=application).exclude(public="").exists()


def key_of(application: Application) -> Key | None:
    """One question to Parameter Store where there is a key. Raises AWSError and GitError."""
    made = DeployKey.objects.filter(application=application).exclude(public="").first()
    if made is None:
        return None
    try:
        private = deploy_keys.read(application)
        matches = keys.public_half(private) == " ".join(made.public.split()[:2])
    except AWSError as error:
        if error.kind != "not-found":
            raise
        matches = False
    except ValueError:
        matches = False
    if not matches:
        raise GitError("deploy-key-lost", _LOST)
    return Key(private=private, known_hosts=settings.GIT_KNOWN_HOSTS)
