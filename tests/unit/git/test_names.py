import pytest
from ecdeployer.git.names import check_branch

GOOD = [
    "main",
    "feature/x",
    "v1.0",
    "dependabot/pip/x-1.2",
    "dependabot/npm/@babel/core-7.0",
    "_x",
    "a" * 200,
]
BAD = [
    "",
    "main;touch${IFS}/tmp/pwn",
    "$(id)",
    "main`id`",
    "main|id",
    'main";id;"',
    "main>x",
    "main\u200b",
    "-main",
    "--output=/tmp/x",
    "-",
    "@",
    "@{-1}",
    "main@{0}",
    "main...evil",
    "main^",
    ":/fix",
    "main:refs/heads/x",
    "+refs/heads/*:refs/heads/*",
    "main\nx",
    "main\n",
    "main\x00",
    "ma*n",
    "ma\\in",
    "main.",
    "main/",
    "a/.b",
    "a//b",
    "/main",
    "a/../b",
    ".",
    "main.lock",
    "a.lock/b",
    "\U0001f4a5",
    "main ",
    "%2e%2e%2f",
    "a" * 201,
]


@pytest.mark.parametrize("text", GOOD)
def test_branches_that_people_have(text: str) -> None:
    check_branch(text)


@pytest.mark.parametrize("text", BAD)
def test_what_git_would_misread_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"branch"):
        check_branch(text)


def test_the_message_names_the_character() -> None:
    with pytest.raises(ValueError, match="';'"):
        check_branch("main;id")
