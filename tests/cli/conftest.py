"""Commands, run in this process."""

from __future__ import annotations

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
