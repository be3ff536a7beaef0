"""The command ``atlasae``."""

from __future__ import annotations

from atlasae.cli.main import main

__all__ = ["main"]
