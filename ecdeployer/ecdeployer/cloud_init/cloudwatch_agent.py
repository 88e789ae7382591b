"""What the CloudWatch agent of a machine collects, where the operator wants it."""

from typing import Any


def configuration(namespace: str) -> dict[str, Any]:
    """Figures of the machine once a minute; those of requests come from the portal, by the same dimension.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-Configuration-File-Details.html
    """
    return {
        "agent": {"metrics_collection_interval": 60},
        "metrics": {
            "namespace": namespace,
            "append_dimensions": {"InstanceId": "${aws:InstanceId}"},
            # The agent tells file systems apart; an alarm for a machine wants one figure.
            "aggregation_dimensions": [["InstanceId"]],
            "metrics_collected": {
                "cpu": {"measurement": ["usage_active"], "totalcpu": True},
                "mem": {"measurement": ["used_percent"]},
                "swap": {"measurement": ["used_percent"]},
                "disk": {
                    "measurement": ["used_percent", "inodes_free"],
                    "resources": ["/"],
                    "drop_device": True,
                },
            },
        },
    }
