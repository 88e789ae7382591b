from pathlib import Path

from localcloud import base

ONE_LINE = """\
deb [signed-by=/x.gpg] http://mirror.example/debian/ bookworm main
deb http://mirror.example/debian bookworm-updates main
deb http://security.example/debian-security bookworm-security main
deb-src http://source.example/debian bookworm main
deb https://packages.example/apt nodistro main
"""
DEB822 = """\
Types: deb
URIs: http://ftp.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://ftp.example/debian-security
Suites: bookworm-security
Components: main
"""
FIRST = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
SECOND = "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n"


def test_mirrors_are_the_host_s_own() -> None:
    assert base.mirrors([ONE_LINE]) == (
        "http://mirror.example/debian",
        "http://security.example/debian-security",
    )
    assert base.mirrors([DEB822]) == ("http://ftp.example/debian", "http://ftp.example/debian-security")


def test_a_host_that_is_not_bookworm_gets_debian_s_own_mirrors() -> None:
    other = "deb http://archive.ubuntu.example/ubuntu noble main\nURIs: file:///srv\nSuites: bookworm\n"
    assert base.mirrors([other]) == (base.ARCHIVE, base.SECURITY)


def test_machines_get_updates_and_security_too() -> None:
    assert base.sources_list("http://a", "http://s") == (
        "deb http://a bookworm main\n"
        "deb http://a bookworm-updates main\n"
        "deb http://s bookworm-security main\n"
    )


def test_certificates_are_told_apart_by_content() -> None:
    assert list(base.certificates(f"# comment\n{FIRST}{SECOND}")) == [b"\0\0\0", b"\4\x10A"]


def test_only_authorities_beyond_debian_s_are_added(tmp_path: Path) -> None:
    for folder in ("etc/ssl/certs", "usr/local/share/ca-certificates"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/ssl/certs/ca-certificates.crt").write_text(FIRST)
    assert not base.trusts_more(tmp_path)

    base._trust(tmp_path, FIRST)
    assert not base.trusts_more(tmp_path)

    base._trust(tmp_path, FIRST + SECOND)
    [added] = (tmp_path / "usr/local/share/ca-certificates").iterdir()
    assert added.read_text() == SECOND
    assert base.trusts_more(tmp_path)


def test_a_disk_is_named_after_what_goes_into_it() -> None:
    name = base.layer_name("http://a", "http://s", FIRST)

    assert name == base.layer_name("http://a", "http://s", FIRST)
    assert name.startswith("bookworm-")
    assert (
        len(
            {
                name,
                base.layer_name("http://b", "http://s", FIRST),
                base.layer_name("http://a", "http://s", ""),
            }
        )
        == 3
    )
