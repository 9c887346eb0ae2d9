"""`python -m server`: the command line."""

from server.cli import commands

if __name__ == "__main__":
    commands(prog_name="python -m server")
