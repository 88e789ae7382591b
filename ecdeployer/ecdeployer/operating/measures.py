"""What this process counts: requests and tasks, beside the calls to AWS that ``aws.calls`` counts.

Labels are names that stand in the code, never what came with a request.
"""

from collections.abc import Iterable

from celery.states import ALL_STATES
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ..aws.calls import CALLS

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600)
REQUESTS = Counter("ecdeployer_requests", "Requests answered.", ["method", "route", "status"], registry=None)
REQUEST_SECONDS = Histogram(
    "ecdeployer_request_seconds", "Time to answer.", ["route"], buckets=_FAST, registry=None
)
TASKS = Counter("ecdeployer_tasks", "Tasks that ended.", ["task", "state"], registry=None)
TASK_SECONDS = Histogram("ecdeployer_task_seconds", "Time of a task.", ["task"], buckets=_LONG, registry=None)


class Measures(Collector):
    """Of all processes that share the folder; without one, of this process."""

    def collect(self) -> Iterable[Metric]:
        if settings.METRICS_DIRECTORY:
            yield from MultiProcessCollector(None, settings.METRICS_DIRECTORY).collect()  # type: ignore[no-untyped-call]
            return
        for each in (REQUESTS, REQUEST_SECONDS, TASKS, TASK_SECONDS, CALLS):
            yield from each.collect()


def note_request(request: HttpRequest, response: HttpResponse, *, seconds: float) -> None:
    method = request.method if request.method in _METHODS else "other"
    match = getattr(request, "resolver_match", None)
    route = match.view_name if match else "none"
    REQUESTS.labels(method, route, f"{response.status_code // 100}xx").inc()
    REQUEST_SECONDS.labels(route).observe(seconds)


def note_task(name: str, state: str, *, seconds: float) -> None:
    TASKS.labels(name, state.lower() if state in ALL_STATES else "other").inc()
    TASK_SECONDS.labels(name).observe(seconds)
