"""What errors of uproot say."""

from __future__ import annotations

import pytest

from atlasae.root.io.errors import first_line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("cannot produce arrays because\n\n    a class is deep\n\ninstead"),
         "cannot produce arrays because a class is deep"),
        (AttributeError("'Model_TBranch' object has no attribute '_cursor_baskets'"),
         "uproot does not know how"),
        (NotImplementedError("Unsplit fields are not supported. MetaData('FieldRecordFrame', x=1)"),
         "Unsplit fields are not supported."),
        (KeyError("nJet"), "there is no 'nJet'"),
        (ValueError("  two\nlines"), "two"),
        (ValueError(), "ValueError"),
    ],
)  # fmt: skip
def test_errors_are_one_line_for_users(error, said):
    assert first_line(error) == said
