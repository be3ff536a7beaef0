"""Commands, run in this process."""

from __future__ import annotations

from itertools import islice

import pytest
from click.testing import CliRunner

from atlasae.cli.main import main


@pytest.fixture
def run():
    def invoke(*arguments, code=0):
        result = CliRunner().invoke(main, [str(a) for a in arguments])
        assert result.exit_code == code, result.output + str(result.exception)
        return result

    return invoke


@pytest.fixture
def few_figures(monkeypatch):
    """A function that limits the number of figures of reports, since drawing is slow."""
    from atlasae.report import compare

    def limit(number):
        monkeypatch.setattr(compare, "figures_of", lambda *a: islice(figures_of(*a), number))

    figures_of = compare.figures_of
    return limit
