"""`python -m infrastructure up FILE` and `down FILE`; people start scripts/aws-up and scripts/aws-down.

`python -m infrastructure prepare` is the pipeline's, which starts it in a bundle (buildspec-account.yml).
"""

import argparse
import sys
from pathlib import Path

from . import parameters
from .aws import AWS, AWSError
from .down import Down
from .parameters import Parameters, ParametersError
from .prepare import Prepare
from .terminal import RefusalError, Terminal
from .up import Up


def main(arguments: list[str] | None = None, terminal: Terminal | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    terminal = terminal or Terminal()
    try:
        _run(options, terminal)
    except (ParametersError, RefusalError, AWSError) as error:
        terminal.say(str(error))
        return 1
    except KeyboardInterrupt as interrupt:
        said = str(interrupt) or "Interrupted. Run the same command again to go on from here."
        terminal.say(f"\n{said}")
        return 130
    return 0


def _run(options: argparse.Namespace, terminal: Terminal) -> None:
    if options.command == "prepare":
        aws = AWS(options.region)
        Prepare(aws, terminal, options.prefix, options.url, options.static_bucket).run()
        return
    found = parameters.read(options.file)
    aws = AWS(found.region)
    _say_where(aws, found, terminal)
    if options.command == "up":
        Up(aws, found, terminal, yes=options.yes).run()
    else:
        Down(aws, found, terminal, with_sites=options.with_sites, confirmed=options.confirm).run()


def _say_where(aws: AWS, found: Parameters, terminal: Terminal) -> None:
    identity = aws.identity()
    terminal.say(f"Account {identity.account}, region {found.region}, as {identity.arn}")
    terminal.say(f"{found.prefix}: the portal at https://{found.domain}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infrastructure")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", prog="scripts/aws-up", help="make or update the account's stacks")
    up.add_argument("--yes", action="store_true", help="do it without being asked")
    down = commands.add_parser("down", prog="scripts/aws-down", help="remove all of it")
    down.add_argument("--with-sites", action="store_true", help="end the machines of sites, too")
    down.add_argument("--confirm", default="", metavar="PREFIX", help="remove all of it without being asked")
    for each in (up, down):
        each.add_argument(
            "file", type=Path, metavar="FILE", help="see infrastructure/parameters.example.toml"
        )
    prepare = commands.add_parser("prepare", help="prepare the account for this version")
    for name in ("region", "prefix", "url", "static-bucket"):
        prepare.add_argument(f"--{name}", required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
