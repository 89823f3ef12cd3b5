"""Run the command line in this process."""

from __future__ import annotations

from recipes import cli


def run_command(capsys, *arguments):
    """Return the exit code, the output and the errors of a command."""
    code = 0
    try:
        cli.main([str(argument) for argument in arguments])
    except SystemExit as exit:
        code = exit.code
    out, err = capsys.readouterr()
    return code, out, err
