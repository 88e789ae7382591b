"""What every task of a worker leaves behind: its id on its lines, and its time in the numbers."""

import time
from typing import Any

from celery import Task, signals

from .. import logs
from . import measures


@signals.task_prerun.connect
def _begin(task_id: str, task: Task[Any, Any], **_: Any) -> None:
    bound = logs.bound(task=task_id, task_name=task.name)
    bound.__enter__()
    request: Any = task.request
    request.observed = (bound, time.perf_counter())


@signals.task_postrun.connect
def _end(task: Task[Any, Any], state: str | None = None, **_: Any) -> None:
    request: Any = task.request
    bound, began = request.observed
    measures.note_task(task.name, state or "", seconds=time.perf_counter() - began)
    bound.__exit__(None, None, None)
