from moto.core.types import Base64EncodedString

from localcloud import templates

TEMPLATE = {
    "ImageId": "ami-1",
    "InstanceType": "t3.micro",
    "UserData": Base64EncodedString("eA=="),
    "IamInstanceProfile": {"Name": "profile"},
    "MetadataOptions": {"HttpTokens": "required", "InstanceMetadataTags": "enabled"},
    "KeyName": None,
    "TagSpecifications": [
        {"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "template"}, {"Key": "b", "Value": "1"}]}
    ],
}


def test_a_request_is_completed_from_its_template() -> None:
    merged = templates.merge(TEMPLATE, {"MinCount": 1, "LaunchTemplate": {"LaunchTemplateName": "x"}})

    assert merged["ImageId"] == "ami-1"
    assert merged["UserData"] == "eA=="
    assert merged["IamInstanceProfile"] == {"Name": "profile"}
    assert merged["LaunchTemplate"] == {"LaunchTemplateName": "x"}
    assert "KeyName" not in merged


def test_the_request_wins() -> None:
    request = {"InstanceType": "t3.small", "MetadataOptions": {"InstanceMetadataTags": "disabled"}}
    merged = templates.merge(TEMPLATE, request)

    assert merged["InstanceType"] == "t3.small"
    assert merged["MetadataOptions"] == {"HttpTokens": "required", "InstanceMetadataTags": "disabled"}


def test_tags_of_both_apply_key_by_key() -> None:
    request = {
        "TagSpecifications": [
            {"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "request"}]},
            {"ResourceType": "volume", "Tags": [{"Key": "v", "Value": "1"}]},
        ]
    }
    assert templates.merge(TEMPLATE, request)["TagSpecifications"] == [
        {"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "request"}, {"Key": "b", "Value": "1"}]},
        {"ResourceType": "volume", "Tags": [{"Key": "v", "Value": "1"}]},
    ]


def test_the_template_s_own_tags_are_no_part_of_its_data() -> None:
    own = {"ResourceType": "launch-template", "Tags": [{"Key": "k", "Value": "v"}]}
    data = {"ImageId": "ami-1", "UserData": None, "TagSpecifications": [*TEMPLATE["TagSpecifications"], own]}  # type: ignore[misc]

    assert templates.without_own_tags(data) == {
        "ImageId": "ami-1",
        "TagSpecifications": TEMPLATE["TagSpecifications"],
    }
    assert templates.without_own_tags({"TagSpecifications": [own]}) == {}
