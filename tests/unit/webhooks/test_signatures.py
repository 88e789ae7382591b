import pytest
from ecdeployer.webhooks.senders import Sender
from ecdeployer.webhooks.signatures import SignatureError, sign, sign_plain, verify

SECRET = "It's a Secret to Everybody"
BODY = b"Hello, World!"
#: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
GITHUBS = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
NOW = 1_760_000_000.0
#: printf '1760000000.Hello, World!' | openssl dgst -sha256 -hmac "It's a Secret to Everybody"
OPENSSLS = "sha256=41d1b2da2286169d3ecfc2f67fc018b36b07614d4187ce9bc9dc9be48ae90f61"


def test_githubs_own_example() -> None:
    assert sign(SECRET, BODY) == GITHUBS
    assert verify(SECRET, {"X-Hub-Signature-256": GITHUBS}, BODY, now=NOW) == Sender.GITHUB


def test_gitlabs_token() -> None:
    assert verify(SECRET, {"X-Gitlab-Token": SECRET}, BODY, now=NOW) == Sender.GITLAB


def test_a_plain_post_as_openssl_signs_it() -> None:
    headers = {"X-Signature-256": OPENSSLS, "X-Signature-Timestamp": "1760000000"}
    assert verify(SECRET, headers, BODY, now=NOW) == Sender.PLAIN


WRONG = [
    {},
    {"X-Hub-Signature": "sha1=0"},
    {"X-Hub-Signature-256": ""},
    {"X-Hub-Signature-256": GITHUBS.removeprefix("sha256=")},
    {"X-Hub-Signature-256": GITHUBS.upper()},
    {"X-Hub-Signature-256": GITHUBS[:-1]},
    {"X-Hub-Signature-256": GITHUBS + "0"},
    {"X-Hub-Signature-256": "sha256=" + "é" * 64},
    {"X-Hub-Signature-256": "\ud800"},
    {"X-Gitlab-Token": ""},
    {"X-Gitlab-Token": SECRET + " "},
    {"X-Gitlab-Token": GITHUBS},
    {"X-Signature-256": GITHUBS},
    {"X-Signature-256": OPENSSLS},
    {"X-Signature-256": OPENSSLS, "X-Signature-Timestamp": "1760000001"},
    # One that is wrong is not helped by another that is right.
    {"X-Hub-Signature-256": "sha256=0", "X-Gitlab-Token": SECRET},
]


@pytest.mark.parametrize("headers", WRONG, ids=str)
def test_what_is_not_signed_so_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(SignatureError):
        verify(SECRET, headers, BODY, now=NOW)


@pytest.mark.parametrize("body", [BODY + b" ", b"", BODY.lower()])
def test_a_signature_holds_for_its_body_alone(body: bytes) -> None:
    with pytest.raises(SignatureError):
        verify(SECRET, {"X-Hub-Signature-256": GITHUBS}, body, now=NOW)


@pytest.mark.parametrize("timestamp", ["1759999699", "1760000301", "", "now", "-1", "9" * 400, "١٧٦٠٠٠٠٠٠٠"])
def test_a_plain_post_is_good_for_five_minutes(timestamp: str) -> None:
    headers = {
        "X-Signature-256": sign_plain(SECRET, BODY, timestamp=timestamp),
        "X-Signature-Timestamp": timestamp,
    }
    with pytest.raises(SignatureError, match="within 300 seconds"):
        verify(SECRET, headers, BODY, now=NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Hub-Signature-256": sign("", BODY)},
        {"X-Gitlab-Token": ""},
        {
            "X-Signature-256": sign_plain("", BODY, timestamp="1760000000"),
            "X-Signature-Timestamp": "1760000000",
        },
    ],
)
def test_an_empty_secret_lets_nobody_in(headers: dict[str, str]) -> None:
    """CVE-2026-41896."""
    with pytest.raises(SignatureError):
        verify("", headers, BODY, now=NOW)
