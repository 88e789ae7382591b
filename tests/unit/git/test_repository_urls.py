import pytest
from ecdeployer.git.repository import RepositoryURLError, parse_url

HOSTS = ["github.com", "gitlab.com", "http://10.213.0.1:9418", "ssh://10.0.0.5:2222"]


@pytest.mark.parametrize(
    ("text", "url", "branch"),
    [
        ("https://github.com/o/r", "https://github.com/o/r", ""),
        ("https://github.com/o/r/", "https://github.com/o/r", ""),
        ("https://github.com/o/r.git", "https://github.com/o/r", ""),
        ("https://github.com/o/r.git/", "https://github.com/o/r", ""),
        ("https://GitHub.com/Owner/Re.po_1", "https://github.com/Owner/Re.po_1", ""),
        ("https://github.com/o/r/tree/main", "https://github.com/o/r", "main"),
        ("https://github.com/o/r/tree/feature/x/", "https://github.com/o/r", "feature/x"),
        ("https://github.com/o/tree", "https://github.com/o/tree", ""),
        ("https://gitlab.com/o/r", "https://gitlab.com/o/r.git", ""),
        ("http://10.213.0.1:9418/guestbook", "http://10.213.0.1:9418/guestbook", ""),
        ("http://10.213.0.1:9418/o/r.git/", "http://10.213.0.1:9418/o/r", ""),
        ("http://10.213.0.1:9418/r/tree/dev", "http://10.213.0.1:9418/r", "dev"),
        ("git@github.com:o/r.git", "https://github.com/o/r", ""),
        ("git@GitHub.com:o/r.git", "https://github.com/o/r", ""),
        ("git@gitlab.com:o/r.git", "https://gitlab.com/o/r.git", ""),
        ("ssh://git@github.com/o/r.git", "https://github.com/o/r", ""),
        ("ssh://git@10.0.0.5:2222/o/r.git", "ssh://git@10.0.0.5:2222/o/r", ""),
        ("ssh://10.0.0.5:2222/r", "ssh://git@10.0.0.5:2222/r", ""),
    ],
)
def test_addresses_as_people_paste_them(text: str, url: str, branch: str) -> None:
    parsed = parse_url(text, allowed_hosts=HOSTS)
    assert (parsed.url, parsed.branch) == (url, branch)


@pytest.mark.parametrize(
    ("text", "ssh_url", "page"),
    [
        ("https://github.com/o/r", "ssh://git@github.com/o/r.git", "https://github.com/o/r/settings/keys"),
        (
            "git@gitlab.com:o/r.git",
            "ssh://git@gitlab.com/o/r.git",
            "https://gitlab.com/o/r/-/settings/repository#js-deploy-keys-settings",
        ),
        ("ssh://git@10.0.0.5:2222/o/r.git", "ssh://git@10.0.0.5:2222/o/r", ""),
        ("http://10.213.0.1:9418/o/r", "", ""),
    ],
)
def test_what_a_deploy_key_is_for_and_where_it_is_entered(text: str, ssh_url: str, page: str) -> None:
    parsed = parse_url(text, allowed_hosts=HOSTS)
    assert (parsed.ssh_url, parsed.keys_page) == (ssh_url, page)
    assert parse_url(parsed.url, allowed_hosts=HOSTS) == parsed


BAD = [
    "git@github.com:o/r",
    "ssh://git@github.com/o/r",
    "git@evil.example:o/r.git",
    "git@-oProxyCommand=id:o/r.git",
    "git@github.com:/etc/passwd.git",
    "git@github.com:../../x/y.git",
    "git@github.com:o/r;id.git",
    "git@github.com:o/r.git\n",
    "git@github.com:22/o/r.git",
    "root@github.com:o/r.git",
    "ssh://root@github.com/o/r.git",
    "ssh://github.com/o/r.git",
    "ssh://git@github.com:2222/o/r.git",
    "ssh://git@-oProxyCommand=id/o/r.git",
    "ssh://git@169.254.169.254/o/r.git",
    "ssh://git:secret@10.0.0.5:2222/o/r",
    "ssh://root@10.0.0.5:2222/o/r",
    "ssh://git@10.0.0.5:22220/o/r",
    "ssh://git@git@10.0.0.5:2222/o/r",
    "ssh://git@10.0.0.5:2222/../r",
    "ssh://git@10.0.0.5:2222/-r",
    "ssh://git@10.0.0.5:2222/$(id)",
    "",
    "github.com/o/r",
    "HTTPS://GITHUB.COM/o/r\n",
    "http://github.com/o/r",
    "file:///etc/passwd",
    "/etc",
    "ext::sh -c touch% /tmp/pwn",
    "--upload-pack=touch${IFS}/tmp/pwn;git-upload-pack",
    "https://github.com/o/r;id",
    "https://github.com/o/r`id`",
    "https://github.com/o/r --upload-pack=x",
    "https://github.com/o/r?x=$(id)",
    "https://github.com/o/r#x",
    "https://github.com/o/r?",
    "https://evil.example\\@github.com/o/r",
    "https://github.com.evil.example/o/r",
    "https://github.com:443/o/r",
    "https://github.com:80@169.254.169.254/o/r",
    "https://github.com./o/r",
    "https://\uff47ithub.com/o/r",
    "http://169.254.169.254/latest/user-data",
    "https://[::1]/x/y",
    "https://[::1/x/y",
    "https://10.0.0.1/x/y",
    "https://github.com/",
    "https://github.com/o/",
    "https://github.com/o/../../x/y",
    "https://github.com/o/..",
    "https://github.com/o/.git",
    "https://github.com/-o/r",
    "https://github.com/o-/r",
    "https://github.com/o/" + "r" * 101,
    "https://github.com/o/r\u200b",
    "https://github.com/o/r/blob/main/README.md",
    "https://github.com/o/r/tree/",
    "https://github.com/o/r/tree/--output=x",
    "javascript:alert(1)",
    "https://github.com/o/<script>",
    "https://github.com/" + "o" * 10_000,
    "http://10.213.0.1:94180/r",
    "http://10.213.0.1:9418@evil.example/r",
    "http://10.213.0.1:9418/",
    "http://10.213.0.1:9418/a/b/c",
    "http://10.213.0.1:9418/../r",
    "http://10.213.0.1:9418/-r",
]


@pytest.mark.parametrize("text", BAD)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(RepositoryURLError):
        parse_url(text, allowed_hosts=HOSTS)


def test_a_token_in_the_address_is_not_repeated() -> None:
    with pytest.raises(RepositoryURLError, match="token") as caught:
        parse_url("https://ghp_0123456789@github.com/o/r", allowed_hosts=HOSTS)
    assert "ghp_" not in str(caught.value)


def test_a_host_that_the_operator_does_not_allow_is_answered_with_those_allowed() -> None:
    with pytest.raises(RepositoryURLError, match=r"https://github\.com/owner/name"):
        parse_url("https://example.com/o/r", allowed_hosts=["github.com"])


def test_every_kind_of_host_is_offered() -> None:
    with pytest.raises(RepositoryURLError) as caught:
        parse_url("https://example.com/o/r", allowed_hosts=["github.com", "http://10.0.0.1:9418"])
    offered = "Repositories are read from https://github.com/owner/name or http://10.0.0.1:9418/name."
    assert offered in str(caught.value)
