"""``python -m atlasae``: the command."""

from atlasae.cli import main

main(prog_name="atlasae")
