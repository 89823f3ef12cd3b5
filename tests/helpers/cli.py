"""Run the command line in this process."""

from __future__ import annotations

from recipes import cli


def run_command(capsys, *arguments):
    """Run the command in this process; return exit code, output, errors."""
    code = 0
    try:
        cli.main([str(argument) for argument in arguments])
    except SystemExit as exit:
        code = exit.code
    out, err = capsys.readouterr()
    return code, out, err
