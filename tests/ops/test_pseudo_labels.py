import pytest
import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops import confident_pixels, confident_share, pseudo_labels


@settings(deadline=None)
@given(
    st.integers(0, 2**31),
    st.floats(0, 1),
    st.booleans(),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_by_a_slow_loop(seed, threshold, masked, dtype):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, 3, 4, generator=generator, dtype=dtype) * 2
    valid = torch.rand(2, 3, 4, generator=generator) < 0.7 if masked else None
    labels = pseudo_labels(logits.requires_grad_(), threshold, valid)
    assert labels.dtype == torch.int64 and labels.shape == (2, 3, 4)
    for n in range(2):
        for y in range(3):
            for x in range(4):
                p = logits[n, :, y, x].detach().double().softmax(0)
                if abs(p.max().item() - threshold) < 1e-5:
                    continue
                expected = int(p.argmax()) if p.max() >= threshold else 255
                if valid is not None and not valid[n, y, x]:
                    expected = 255
                assert labels[n, y, x] == expected


def test_nothing_is_sure():
    labels = pseudo_labels(torch.zeros(1, 4, 2, 2), threshold=0.9, ignore_index=254)
    assert (labels == 254).all()
    assert (pseudo_labels(torch.zeros(1, 4, 2, 2), threshold=0.0) == 0).all()


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(0.4, 0.95), st.booleans())
def test_share_of_confident_pixels_by_a_slow_loop(seed, threshold, masked):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 4, 3, 5, generator=generator, dtype=torch.float64) * 2
    valid = torch.rand(3, 3, 5, generator=generator) < 0.7
    valid[2] = False
    sure, total = [0] * 3, [0] * 3
    for n in range(3):
        for y in range(3):
            for x in range(5):
                p = logits[n, :, y, x].softmax(0).max().item()
                if abs(p - threshold) < 1e-5:
                    return
                if not masked or valid[n, y, x]:
                    sure[n] += p >= threshold
                    total[n] += 1
    pixels = confident_pixels(logits, threshold)
    share = confident_share(pixels, valid if masked else None)
    expected = [s / max(t, 1) for s, t in zip(sure, total, strict=True)]
    torch.testing.assert_close(share, torch.tensor(expected))
    share = confident_share(pixels, valid if masked else None, False)
    expected = torch.full((3,), sum(sure) / max(sum(total), 1))
    torch.testing.assert_close(share, expected)


def share_of_a_process(sure, valid):
    rows = [[0], [1, 2]][dist.get_rank()]
    return [
        confident_share(sure[rows], valid[rows], per_image).tolist()
        for per_image in (True, False)
    ]


@pytest.mark.slow
def test_share_over_two_processes(in_two_processes):
    generator = torch.Generator().manual_seed(0)
    sure, valid = torch.rand(2, 3, 4, 5, generator=generator) < 0.6
    parts = in_two_processes(share_of_a_process, sure, valid)
    for place, per_image in enumerate((True, False)):
        whole = confident_share(sure, valid, per_image).tolist()
        assert parts[0][place] + parts[1][place] == whole
