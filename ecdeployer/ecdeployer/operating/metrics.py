"""The portal in numbers: the records, read at each scrape, and what its processes count.

Prometheus' text format, https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.db.models import Count
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..deployments.models import Deployment
from ..deployments.states import DeploymentState
from ..instances.models import Instance, LaunchQueue, LedgerEntry
from ..instances.states import InstanceState
from . import ages
from .ages import Age
from .measures import Measures

_DAY = timedelta(days=1)


class Records(Collector):
    """Eight queries, whatever there is."""

    def collect(self) -> Iterable[Metric]:
        now = timezone.now()
        yield _by("ecdeployer_deployments", "Deployments that have not ended.", "state", self._unfinished())
        yield _by(
            "ecdeployer_deployments_day", "Deployments that ended within a day.", "outcome", self._ended()
        )
        yield _by("ecdeployer_instances", "Instances that have not ended.", "state", self._instances())
        for age in ages.read(now):
            yield _age(age)
        held = LaunchQueue.objects.filter(held_until__gt=now).count()
        yield GaugeMetricFamily("ecdeployer_launches_held", "1 while AWS takes no launches.", value=held)
        left = LedgerEntry.objects.filter(
            gone_at=None, instance__state__in=(InstanceState.TERMINATED, InstanceState.FAILED)
        ).count()
        yield GaugeMetricFamily(
            "ecdeployer_ledger_open", "Things at AWS whose instance has ended.", value=left
        )

    def _unfinished(self) -> Mapping[str, int]:
        states = (DeploymentState.QUEUED, DeploymentState.RUNNING)
        rows = Deployment.objects.filter(state__in=states).order_by().values_list("state")
        return dict.fromkeys(map(str, states), 0) | dict(rows.annotate(Count("pk")))

    def _ended(self) -> Mapping[str, int]:
        since = timezone.now() - _DAY
        rows = (
            Deployment.objects.filter(finished_at__gt=since).order_by().values_list("state", "failure_code")
        )
        return {code or state: count for state, code, count in rows.annotate(Count("pk"))}

    def _instances(self) -> Mapping[str, int]:
        ended = (InstanceState.TERMINATED, InstanceState.FAILED)
        rows = Instance.objects.exclude(state__in=ended).order_by().values_list("state")
        return dict(rows.annotate(Count("pk")))


def render() -> bytes:
    registry = CollectorRegistry()
    registry.register(Records())
    registry.register(Measures())
    return generate_latest(registry)


def _by(name: str, what: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, what, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def _age(age: Age) -> Metric:
    family = GaugeMetricFamily(age.name, age.what, labels=[])
    if age.seconds is not None:
        family.add_metric([], age.seconds)
    return family
