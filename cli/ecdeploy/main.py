"""ecdeploy: the command line."""

import click

from . import __version__
from .account_commands import completion, login, logout
from .application_commands import apps, create, edit, open_site, status, terminate
from .deployment_commands import cancel, confirm, deploy, rollback
from .environment_commands import env
from .log_commands import logs
from .machine_commands import run
from .maintenance_commands import maintenance
from .options import Commands
from .power_commands import machine
from .process_commands import ps, restart

_ALL = (
    login,
    logout,
    apps,
    status,
    create,
    edit,
    deploy,
    logs,
    env,
    run,
    machine,
    maintenance,
    ps,
    restart,
    rollback,
    confirm,
    cancel,
    open_site,
    terminate,
    completion,
)


class InOrder(Commands):
    """Listed as they are needed, and not by their names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ecdeploy")
def main() -> None:
    """Bring Django projects live, over the API of your portal.

    \b
    Exit codes: 0 done; 1 it failed; 2 wrong usage, or refused; 3 not signed in;
    4 the portal cannot be reached; 130 interrupted. `run` ends as its command does.
    """


for _command in _ALL:
    main.add_command(_command)
