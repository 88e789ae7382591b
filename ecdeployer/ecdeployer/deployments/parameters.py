"""What a machine is told of a deployment, from the records."""

from django.conf import settings
from django.urls import reverse
from django.utils.crypto import salted_hmac

from ..cloud_init import nginx
from ..cloud_init.parameters import DeploymentParameters
from ..instances import addresses, deploy_keys, environment, run_documents
from ..maintenance.models import Maintenance
from ..preflight.facts import Facts
from . import access
from .models import Deployment
from .reports import hash_of
from .states import DeploymentState


def report_token(deployment: Deployment) -> str:
    """The deployment's own token, the same each time: a launch that is repeated sends the same bytes.

    It is a keyed hash, good for this deployment alone; only its SHA-256 is stored.
    """
    return salted_hmac("ecdeployer report token", str(deployment.pk), algorithm="sha256").hexdigest()


def check_token(deployment: Deployment) -> str:
    """What shows the site that its release is asked for by the portal, maintenance or not."""
    return nginx.check_token(report_token(deployment.rolls_back_to or deployment))


def store_token_hash(deployment: Deployment) -> bool:
    """From now on the machine may report. Whether nobody has called it off meanwhile."""
    deployment.report_token_hash = hash_of(report_token(deployment))
    running = Deployment.objects.filter(pk=deployment.pk, state=DeploymentState.RUNNING)
    return bool(running.update(report_token_hash=deployment.report_token_hash))


def parameters_of(deployment: Deployment) -> DeploymentParameters:
    """Raises ParameterError for what no machine may be given.

    Raises RepositoryURLError where the operator allows the repository no more.
    """
    application, facts = deployment.application, Facts.from_dict(deployment.facts)
    source, has_key = access.source_of(application), access.has_key(application)
    return DeploymentParameters(
        deployment=str(deployment.pk),
        application=str(application.pk),
        release=deployment.release,
        report_url=settings.INSTANCE_PORTAL_URL + reverse("reports:receive", args=[deployment.pk]),
        report_token=report_token(deployment),
        region=settings.AWS_REGION,
        aws_endpoint_url=settings.INSTANCE_AWS_ENDPOINT_URL,
        parameter_path=environment.path(application),
        repository=source.ssh_url or source.url if has_key else source.url,
        deploy_key=deploy_keys.path(application) if has_key else "",
        known_hosts=settings.GIT_KNOWN_HOSTS if has_key else "",
        commit=deployment.commit_sha,
        branch=deployment.branch,
        project_name=application.project_name,
        project_directory=facts.project_directory,
        settings_module=facts.settings_module,
        wsgi_module=facts.wsgi_module,
        asgi_module=facts.asgi_module,
        interface=facts.interface,
        python=facts.python,
        requirement_sources=[(source.kind, source.path) for source in facts.requirement_sources],
        services=facts.services,
        database=facts.database,
        health_path=application.health_path,
        placeholders=facts.placeholder_environment,
        document=run_documents.name_of("deploy"),
        document_version=run_documents.own_version("deploy"),
        rollback_to=deployment.release if deployment.rolls_back_to_id else "",
        # What is in its place at a rebuild has been confirmed before it was live.
        confirm_migrations=application.confirm_migrations and deployment.kind != Deployment.Kind.REBUILD,
        confirmed_plan=deployment.confirmed_plan,
        addresses=addresses.known_of(application),
        maintenance=Maintenance.of(application).wanted,
        processes=facts.processes,
        procfile=facts.procfile,
        release_command=facts.release_command,
        schedules=[schedule.told for schedule in application.schedules.filter(enabled=True)],
        schedules_revision=application.schedules_revision,
    )
