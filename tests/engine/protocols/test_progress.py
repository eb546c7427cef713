import pytest

from mmseg_labelfree.engine.protocols import build_protocol
from mmseg_labelfree.engine.protocols.progress import ProgressHook, format_seconds


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [(0.4, '0 s'), (59.6, '1 min 00 s'), (185, '3 min 05 s'), (3725, '1 h 02 min')],
)
def test_format_seconds(seconds, text):
    assert format_seconds(seconds) == text


def test_share_counts_the_length_of_stages(incremental):
    incremental.protocol.next_steps.train_cfg = dict(max_iters=12)
    stages = build_protocol(incremental).stages(incremental)
    assert [s.length for s in stages] == [6, 12, 12]

    class Run:
        iter, max_iters = 3, 12

    hook = ProgressHook(stages, first=1)
    assert hook.share_done(Run) == pytest.approx((6 + 3) / 30)
