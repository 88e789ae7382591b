from django.conf import settings
from django.http import HttpRequest


def portal(request: HttpRequest) -> dict[str, object]:
    """What every template may need of the portal's configuration."""
    return {
        "github_sign_in": settings.GITHUB_SIGN_IN,
        "sign_up": settings.SIGN_UP,
        "site_name": settings.SITE_NAME,
        "region": settings.AWS_REGION,
    }
