"""What the tests of runs share."""

import pytest


@pytest.fixture(autouse=True)
def _plain_dumps(monkeypatch):
    """Write configs as they are: laying them out takes longer than the training."""
    monkeypatch.setattr(
        'yapf.yapflib.yapf_api.FormatCode', lambda text, **_: (text, True)
    )
