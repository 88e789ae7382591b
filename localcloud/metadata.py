"""The instance metadata service (IMDSv2 and 1): a machine is known by the address it asks from."""

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models.instances import Instance
from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole, sts_backends
from werkzeug.wrappers import Request, Response

from localcloud.cloud import ACCOUNT, Cloud

CREDENTIAL_SECONDS = 6 * 3600
_RENEW_SECONDS = 900
_LONGEST = 21_600
_TTL = "X-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = "X-aws-ec2-metadata-token"  # noqa: S105 - the header's name


class Sessions:
    """Tokens given to machines, each good for one machine and a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._given: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def open(self, instance_id: str, *, seconds: int) -> str:
        """A new token."""
        token = secrets.token_urlsafe(40)
        now = self._clock()
        with self._lock:
            self._given = {one: entry for one, entry in self._given.items() if entry[1] > now}
            self._given[token] = (instance_id, now + seconds)
        return token

    def hold(self, token: str, instance_id: str) -> bool:
        """Whether the token is this machine's, and still good."""
        holder, until = self._given.get(token, ("", 0.0))
        return holder == instance_id and until > self._clock()


class Credentials:
    """A role's temporary credentials for each instance, renewed before they end."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], AssumedRole] = {}
        self._lock = threading.Lock()

    def of(self, record: Instance, role_arn: str) -> AssumedRole:
        """Credentials that last for a while yet."""
        key = (record.id, role_arn)
        with self._lock:
            held = self._given.get(key)
            now = datetime.now(UTC).replace(tzinfo=None)
            if held is None or (held.expiration - now).total_seconds() < _RENEW_SECONDS:
                held = sts_backends[ACCOUNT]["aws"].assume_role(
                    region_name=record.region_name,
                    role_session_name=record.id,
                    role_arn=role_arn,
                    policy="",
                    duration=CREDENTIAL_SECONDS,
                    external_id="",
                )
                self._given[key] = held
            return held


def application(cloud: Cloud) -> Callable[[dict[str, Any], Any], Any]:
    """The service as a WSGI application."""
    sessions, credentials = Sessions(), Credentials()

    @Request.application
    def answer(request: Request) -> Response:
        record = cloud.at(request.remote_addr or "")
        if record is None:
            return Response("Not Found", status=404)
        if record.metadata_options.http_endpoint == "disabled":
            return Response("Forbidden", status=403)
        if request.path == "/latest/api/token":
            return _open(request, record, sessions)
        if not _admitted(request, record, sessions):
            return Response("Unauthorized", status=401)
        return _read(request.path.removeprefix("/latest").strip("/"), record, credentials)

    return answer


def _open(request: Request, record: Instance, sessions: Sessions) -> Response:
    if request.method != "PUT":
        return Response("Method Not Allowed", status=405)
    if "X-Forwarded-For" in request.headers:
        return Response("Forbidden", status=403)
    asked = request.headers.get(_TTL, "")
    if not asked.isdigit() or not 1 <= int(asked) <= _LONGEST:
        return Response("Bad Request", status=400)
    token = sessions.open(record.id, seconds=int(asked))
    return Response(token, headers={_TTL: asked}, mimetype="text/plain")


def _admitted(request: Request, record: Instance, sessions: Sessions) -> bool:
    token = request.headers.get(_TOKEN)
    if token is None:
        return bool(record.metadata_options.http_tokens != "required")
    return sessions.hold(token, record.id)


def _read(path: str, record: Instance, credentials: Credentials) -> Response:
    if path == "user-data":
        content = base64.b64decode(str(record.user_data or ""))
        return Response(content, mimetype="application/octet-stream") if content else Response(status=404)
    if path == "dynamic/instance-identity/document":
        return Response(json.dumps(identity(record), indent=2), mimetype="application/json")
    top, _, rest = path.partition("/")
    if top == "":
        return Response("dynamic\nmeta-data\nuser-data", mimetype="text/plain")
    found = look_up(tree(record, credentials), rest) if top == "meta-data" else None
    if found is None:
        return Response("Not Found", status=404, mimetype="text/plain")
    return Response(found, mimetype="text/plain")


def look_up(values: Mapping[str, Any], path: str) -> str | None:
    """The value at a path, or the names in a folder, those of folders with a slash; None where nothing is."""
    here: Any = values
    for part in filter(None, path.split("/")):
        if not isinstance(here, Mapping) or part not in here:
            return None
        here = here[part]
    if isinstance(here, Mapping):
        return "\n".join(f"{name}/" if isinstance(value, Mapping) else name for name, value in here.items())
    return str(here() if callable(here) else here)


def identity(record: Instance) -> dict[str, Any]:
    """The instance identity document (unsigned)."""
    return {
        "accountId": ACCOUNT,
        "architecture": record.architecture,
        "availabilityZone": record.availability_zone,
        "imageId": record.image_id,
        "instanceId": record.id,
        "instanceType": record.instance_type,
        "pendingTime": f"{record.launch_time:%Y-%m-%dT%H:%M:%SZ}",
        "privateIp": record.private_ip,
        "region": record.region_name,
        "version": "2017-09-30",
    }


def tree(record: Instance, credentials: Credentials) -> dict[str, Any]:
    """Everything under meta-data/; a value that costs something is a function."""
    interface = record.nics[0]
    values: dict[str, Any] = {
        "ami-id": record.image_id,
        "ami-launch-index": record.ami_launch_index,
        "hostname": record.private_dns_name,
        "instance-action": "none",
        "instance-id": record.id,
        "instance-life-cycle": "on-demand",
        "instance-type": record.instance_type,
        "local-hostname": record.private_dns_name,
        "local-ipv4": record.private_ip,
        "mac": interface.mac_address,
        "network": {"interfaces": {"macs": {interface.mac_address: _interface(record)}}},
        "placement": {"availability-zone": record.availability_zone, "region": record.region_name},
        "security-groups": "\n".join(group.name for group in record.security_groups),
        "services": {"domain": "amazonaws.com", "partition": "aws"},
    }
    if record.public_ip:
        values["public-hostname"] = record.public_dns_name
        values["public-ipv4"] = record.public_ip
    key = record.ec2_backend.key_pairs.get(record.key_name)
    if key:
        values["public-keys"] = {"0": {"openssh-key": key.public_key}}
    if record.metadata_options.instance_metadata_tags == "enabled":
        values["tags"] = {"instance": {tag["key"]: tag["value"] for tag in record.get_tags()}}
    values.update(_iam(record, credentials))
    return values


def _interface(record: Instance) -> dict[str, Any]:
    values: dict[str, Any] = {
        "device-number": "0",
        "local-ipv4s": record.private_ip,
        "mac": record.nics[0].mac_address,
        "owner-id": ACCOUNT,
        "subnet-id": record.subnet_id,
        "vpc-id": record.vpc_id,
    }
    if record.public_ip:
        values["public-ipv4s"] = record.public_ip
    return values


def _iam(record: Instance, credentials: Credentials) -> dict[str, Any]:
    """The instance profile's role, if the instance has a profile and that a role."""
    associated = record.iam_instance_profile
    profiles = iam_backends[ACCOUNT]["aws"].instance_profiles.values()
    profile = next((one for one in profiles if associated and one.arn == associated["Arn"]), None)
    if profile is None or not profile.roles:
        return {}
    [role] = profile.roles[:1]
    info = {
        "Code": "Success",
        "LastUpdated": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "InstanceProfileArn": profile.arn,
        "InstanceProfileId": profile.id,
    }

    def read() -> str:
        return json.dumps(credential_document(credentials.of(record, role.arn)), indent=2)

    return {"iam": {"info": json.dumps(info, indent=2), "security-credentials": {role.name: read}}}


def credential_document(role: AssumedRole) -> dict[str, str]:
    """What the SDKs read."""
    return {
        "Code": "Success",
        "LastUpdated": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "Type": "AWS-HMAC",
        "AccessKeyId": role.access_key_id,
        "SecretAccessKey": role.secret_access_key,
        "Token": role.session_token,
        "Expiration": f"{role.expiration:%Y-%m-%dT%H:%M:%SZ}",
    }
