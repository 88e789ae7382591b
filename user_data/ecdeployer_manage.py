"""The project's manage.py, with the release's settings loaded before it can name others."""

import contextlib
import gc
import os
import runpy
import sys

if __name__ == "__main__":
    # What is imported stays: looking through it again and again takes a fifth of the time of a short command.
    gc.set_threshold(200_000)
    sys.path[0] = os.getcwd()
    from django.conf import settings

    # Some manage.py first put a directory on the path that their settings need. Where it is not that, the
    # same error comes again from there.
    with contextlib.suppress(ModuleNotFoundError):
        settings.DEBUG  # noqa: B018
    if os.path.exists("manage.py"):
        sys.argv[0] = "manage.py"
        runpy.run_path("manage.py", run_name="__main__")
    else:
        from django.core.management import execute_from_command_line

        execute_from_command_line()
