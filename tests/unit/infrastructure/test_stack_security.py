"""What must hold of the account whatever a linter thinks of single resources."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.stack_templates import NAMES, Resource, find, load, resources, walk

WORLD = {"0.0.0.0/0", "::/0"}
NOWHERE = "127.0.0.1/32"


def ingress() -> list[tuple[str, dict[str, Any]]]:
    """Each rule with the group that it opens."""
    inline = [
        (group.id, rule)
        for group in resources("AWS::EC2::SecurityGroup")
        for rule in group.properties.get("SecurityGroupIngress", [])
    ]
    alone = [
        (rule.properties["GroupId"]["Ref"], rule.properties)
        for rule in resources("AWS::EC2::SecurityGroupIngress")
    ]
    return inline + alone


def source_of(rule: dict[str, Any]) -> str:
    if "SourceSecurityGroupId" in rule:
        return str(rule["SourceSecurityGroupId"]["Ref"])
    return str(rule.get("CidrIp", rule.get("CidrIpv6", rule.get("SourcePrefixListId"))))


def test_the_groups_name_each_other_and_the_world_only_at_the_balancer() -> None:
    openings = {(group, source_of(rule), rule["FromPort"], rule["ToPort"]) for group, rule in ingress()}
    assert openings == {
        ("BalancerGroup", "0.0.0.0/0", 80, 80),
        ("BalancerGroup", "0.0.0.0/0", 443, 443),
        ("PortalGroup", "BalancerGroup", 80, 80),
        ("DatabaseGroup", "PortalGroup", 5432, 5432),
        ("RedisGroup", "PortalGroup", 6379, 6379),
    }


def test_every_group_says_where_it_may_go() -> None:
    egress = {
        group.id: [
            rule.get("CidrIp") or rule["DestinationSecurityGroupId"]["Ref"]
            for rule in group.properties["SecurityGroupEgress"]
        ]
        for group in resources("AWS::EC2::SecurityGroup")
    }
    assert egress["BalancerGroup"] == ["PortalGroup"]
    assert egress["DatabaseGroup"] == egress["RedisGroup"] == [NOWHERE]
    assert set(egress["PortalGroup"]) == {"0.0.0.0/0", "DatabaseGroup", "RedisGroup"}


def test_the_page_names_the_ports_that_machines_reach_out_on() -> None:
    rules = find("network", "PortalGroup").properties["SecurityGroupEgress"]
    ports = {str(rule["FromPort"]) for rule in rules if "CidrIp" in rule}
    page = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()
    said = page.partition("Its machines reach out on the ports ")[2].partition(", and to database")[0]
    assert set(re.findall(r"\d+", said)) == ports


def test_what_keeps_data_stands_where_no_route_leads_out() -> None:
    ways_out = {route.properties["RouteTableId"]["Ref"] for route in resources("AWS::EC2::Route")}
    tables = {
        way.properties["SubnetId"]["Ref"]: way.properties["RouteTableId"]["Ref"]
        for way in resources("AWS::EC2::SubnetRouteTableAssociation")
    }
    private = [name for name, table in tables.items() if table not in ways_out]
    output = load("network")["Outputs"]["PrivateSubnets"]["Value"]["Fn::Join"][1]
    assert [each["Ref"] for each in output] == private == ["PrivateSubnetA", "PrivateSubnetB"]
    for group in ("AWS::RDS::DBSubnetGroup", "AWS::ElastiCache::SubnetGroup"):
        [found] = resources(group)
        assert found.properties["SubnetIds"] == {"Ref": "PrivateSubnets"}


BUCKETS = list(resources("AWS::S3::Bucket"))


@pytest.mark.parametrize("bucket", BUCKETS, ids=lambda bucket: f"{bucket.template}-{bucket.id}")
def test_every_bucket_is_encrypted_versioned_private_and_reached_over_tls_alone(bucket: Resource) -> None:
    assert bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
    [policy] = [
        each
        for each in resources("AWS::S3::BucketPolicy")
        if (each.template, each.properties["Bucket"]) == (bucket.template, {"Ref": bucket.id})
    ]
    [statement] = policy.properties["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert (statement["Principal"], statement["Action"]) == ("*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [
        {"Fn::GetAtt": [bucket.id, "Arn"]},
        {"Fn::Sub": f"${{{bucket.id}.Arn}}/*"},
    ]


def test_the_database_is_encrypted_private_kept_and_protected() -> None:
    database = find("data", "Database").properties
    assert database["StorageEncrypted"] is True
    assert database["PubliclyAccessible"] is False
    assert database["DeletionProtection"] is True
    assert database["BackupRetentionPeriod"] == {"Ref": "BackupRetentionDays"}
    assert load("root")["Parameters"]["BackupRetentionDays"]["MinValue"] >= 1
    assert find("data", "DatabaseParameters").properties["Parameters"] == {"rds.force_ssl": "1"}


def test_redis_is_encrypted_at_rest_and_on_its_way_and_asks_for_a_token() -> None:
    redis = find("data", "Redis").properties
    assert redis["AtRestEncryptionEnabled"] is True
    assert redis["TransitEncryptionEnabled"] is True
    assert redis["AuthToken"]


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_is_named_and_never_given(name: str) -> None:
    secrets = {
        key: value
        for key, value in walk(load(name)["Resources"])
        if re.search(r"(Password|AuthToken|Secret\w*|OAuthToken)$", key)
    }
    assert all("{{resolve:ssm-secure:/${Prefix}/secrets/" in str(value) for value in secrets.values())
    assert len(secrets) == (2 if name == "data" else 0)


@pytest.mark.parametrize("name", NAMES)
def test_no_machine_has_a_human_key(name: str) -> None:
    assert [key for key, _ in walk(load(name)) if key in {"KeyName", "KeyPair"}] == []
    assert list(resources("AWS::EC2::KeyPair")) == []


def test_a_machines_metadata_is_for_the_machine_itself_and_its_disk_is_encrypted() -> None:
    data = find("portal", "LaunchTemplate").properties["LaunchTemplateData"]
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    [disk] = data["BlockDeviceMappings"]
    assert (disk["Ebs"]["Encrypted"], disk["Ebs"]["VolumeType"]) == (True, "gp3")


def test_the_balancer_speaks_tls_and_sends_plain_requests_there() -> None:
    [redirect] = find("portal", "PlainListener").properties["DefaultActions"]
    assert redirect["RedirectConfig"] == {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    assert find("portal", "Listener").properties["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
    for listener in resources("AWS::ElasticLoadBalancingV2::Listener"):
        kind = {action["Type"] for action in listener.properties["DefaultActions"]}
        assert (kind == {"forward"}) == (listener.properties["Protocol"] == "HTTPS")


#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html
DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}")


def test_ec2_takes_what_is_said_of_groups_and_their_rules() -> None:
    found = [
        value
        for each in resources(
            "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"
        )
        for key, value in walk(each.properties)
        if key in ("Description", "GroupDescription")
    ]
    assert len(found) > 10
    assert [text for text in found if not DESCRIPTION.fullmatch(text)] == []


#: What is left of each when its stack goes, and when it is replaced by another.
KEPT = {
    "Database": ("Snapshot", "Snapshot"),
    "BackupBucket": ("RetainExceptOnCreate", "Retain"),
    "StaticBucket": ("RetainExceptOnCreate", "Retain"),
    # S3 deletes no bucket that holds anything.
    "Bucket": ("Delete", "Retain"),
    "Redis": ("Delete", "Delete"),
}
STATEFUL = (
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::EC2::Volume",
)


def test_what_keeps_data_says_what_becomes_of_it() -> None:
    policies = {
        each.id: (each.body["DeletionPolicy"], each.body["UpdateReplacePolicy"])
        for each in resources(*STATEFUL)
    }
    assert policies == KEPT


def test_logs_end() -> None:
    groups = list(resources("AWS::Logs::LogGroup"))
    assert len(groups) == 3
    assert all(group.properties["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups)
