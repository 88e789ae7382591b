"""One sweep of reconcile over a fleet: calls, queries, seconds and memory, in a process of its own."""

import json
import sys
import time
import tracemalloc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import django

#: DescribeInstances' most for one page.
_PAGE = 1000


class Paginator:
    """DescribeInstances over what the database says, in EC2's shape."""

    def __init__(self, reservations: list[dict[str, Any]]) -> None:
        self.reservations = reservations
        self.calls = 0

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        for start in range(0, max(len(self.reservations), 1), _PAGE):
            self.calls += 1
            yield {"Reservations": self.reservations[start : start + _PAGE]}


def main(count: int) -> None:
    django.setup()
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from ecdeployer.accounts.models import User
    from ecdeployer.aws import tags
    from ecdeployer.instances import orphans, reconcile
    from ecdeployer.instances.models import Instance

    from benchmarks import load_records

    load_records.clear()
    load_records.applications(User.objects.create(username="fleet"), count)
    reservations = [
        {
            "OwnerId": "123456789012",
            "Instances": [
                {
                    "InstanceId": row.ec2_id,
                    "State": {"Name": "running"},
                    "ImageId": row.ami_id,
                    "PublicIpAddress": row.public_ip,
                    "PrivateIpAddress": row.private_ip,
                    "LaunchTime": row.launched_at,
                    "Tags": [{"Key": tags.INSTANCE, "Value": str(row.pk)}],
                }
            ],
        }
        for row in Instance.objects.all()
    ]
    paginator = Paginator(reservations)
    aws = SimpleNamespace(
        ec2=SimpleNamespace(get_paginator=lambda _: paginator),
        ask=lambda call: call(), partition="aws", region="eu-west-1",
    )  # fmt: skip
    for module in (reconcile, orphans):
        module.aws = lambda: aws  # type: ignore[attr-defined]
    reconcile.sweep()  # The first one notes that it has begun to watch.
    paginator.calls = 0
    with CaptureQueriesContext(connection) as queries:
        began = time.perf_counter()
        changed = reconcile.sweep()
        seconds = time.perf_counter() - began
    if changed:
        sys.exit(f"{changed} rows were changed: the fleet is not what the database says")
    calls = paginator.calls
    tracemalloc.start()
    reconcile.sweep()
    _, peak = tracemalloc.get_traced_memory()
    print(json.dumps({"calls": calls, "queries": len(queries), "seconds": seconds, "mb": peak / 2**20}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
