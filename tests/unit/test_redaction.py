"""What looks like a secret, and what does not; and that no text makes the search slow."""

import time

import pytest
from ecdeployer.redaction import HIDDEN, redact, redact_value

HIDES = [
    ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer [hidden]"),
    ("{'Authorization': 'Token abc', 'Accept': 'x'}", "{'Authorization': 'Token [hidden]', 'Accept': 'x'}"),
    ("authorization: AWS4-HMAC-SHA256 Credential=A/1/s3, Signature=f0",
     "authorization: AWS4-HMAC-SHA256 [hidden]"),
    ("Cookie: session=abc; csrf=def", "Cookie: [hidden]"),
    ("Set-Cookie: session=abc", "Set-Cookie: [hidden]"),
    ("postgres://me:opensesame@db/name", "postgres://me:[hidden]@db/name"),
    ("https://me:p:w@host/", "https://me:[hidden]@host/"),
    ("https://ghtoken@github.com/o/r", "https://[hidden]@github.com/o/r"),
    ("redis://:open@cache:6379/0", "redis://:[hidden]@cache:6379/0"),
    ("key AKIAIOSFODNN7EXAMPLE.", "key [hidden]."),
    ("password='correct horse'", "password=[hidden]"),
    ("password=p@ss!w#rd, next", "password=[hidden], next"),
    ('{"token": "0123456789abcdef"}', '{"token": "[hidden]"}'),
    ("token ecd_0123456789abcdefXYZ ok", "token [hidden] ok"),
    ("ghp_0123456789abcdefghijABCDEFGHIJ ok", "[hidden] ok"),
    ("https://b.s3/k?X-Amz-Credential=AKIA%2F2026&X-Amz-Signature=0f0f0f0f0f&x=1",
     "https://b.s3/k?X-Amz-Credential=[hidden]&X-Amz-Signature=[hidden]&x=1"),
    ("https://b.s3/k?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=abc%2Bdef%3D", "https://b.s3/k?AWSAccessKeyId=[hidden]&Signature=[hidden]"),
    ("GET /callback/?code=4/abc&state=xyz", "GET /callback/?code=[hidden]&state=[hidden]"),
    ("X-Amz-Security-Token: IQoJb3JpZ2luX2VjE/x==", "X-Amz-Security-Token: [hidden]"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_9 ok", "[hidden] ok"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n", "[hidden]\n"),
]  # fmt: skip
KEEPS = [
    "the password required elsewhere",
    "i-0123456789abcdef0 runs at http://10.0.0.1:8000/",
    "git clone https://github.com/o/r at 4f9d2c1a7be05c3d98e6f1420ab7c5d3e8f90b12",
    "mail to ines@example.com",
    "SECRET_KEY is missing",
    "KeyError: 'tide'",
]


@pytest.mark.parametrize(("text", "shown"), HIDES)
def test_what_looks_like_a_secret_is_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize("text", KEEPS)
def test_what_does_not_is_kept(text: str) -> None:
    assert redact(text) == text


def test_known_secrets_are_hidden_the_longest_first() -> None:
    assert redact("open sesame-street sesame", ["sesame", "sesame-street"]) == f"open {HIDDEN} {HIDDEN}"


def test_a_field_says_what_its_value_is() -> None:
    found = redact_value(
        {
            "password": "x",
            "api_key": ["a", "b"],
            "Set-Cookie": None,
            "headers": {"Authorization": "x", "Host": "h"},
            "seen": ("Bearer abcdefghijkl", 3, b"token=0123456789"),
            "count": 7,
        }
    )
    assert found == {
        "password": HIDDEN,
        "api_key": HIDDEN,
        "Set-Cookie": None,
        "headers": {"Authorization": HIDDEN, "Host": "h"},
        "seen": [f"Bearer {HIDDEN}", 3, f"token={HIDDEN}"],
        "count": 7,
    }


def test_what_cannot_be_printed_does_no_harm() -> None:
    class Broken:
        def __str__(self) -> str:
            raise ValueError

    assert redact_value({"object": Broken()}) == {"object": "<Broken>"}


@pytest.mark.parametrize(
    "piece", ["a", "a:", "http://", "http://a:", "password", "-----BEGIN KEY", "eyJ", "token=", "a.", " "]
)
def test_no_text_makes_the_search_slow(piece: str) -> None:
    began = time.process_time()
    redact(piece * (200_000 // len(piece)))
    assert time.process_time() - began < 2
