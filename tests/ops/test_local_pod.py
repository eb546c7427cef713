"""Pooled features against loops over cells and the authors' numbers."""

import pytest
import torch
from torch.testing import assert_close

from mmseg_labelfree.ops.local_pod import background_with_new, local_pod

from ..reference_inputs import wave


def pooled(x, scales):
    """One mean after the other."""
    height, width = x.shape[1:]
    values = []
    for scale in scales:
        side = width // scale
        for i in range(scale):
            for j in range(scale):
                cell = x[:, i * side : (i + 1) * side, j * side : (j + 1) * side] ** 2
                values += [cell[:, :, k].mean(1) for k in range(cell.shape[2])]
                values += [cell[:, k].mean(1) for k in range(cell.shape[1])]
    return torch.cat(values)


@pytest.mark.parametrize('shape', [(8, 8), (9, 11), (7, 5)])
def test_means_of_cells(shape):
    x = torch.randn(2, 3, *shape).double()
    found = local_pod(x)
    for image, row in zip(x, found, strict=True):
        want = pooled(image, (1, 2, 4))
        assert_close(row.sort().values, want.sort().values, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize('shape', [(4, 4), (5, 6), (7, 8)])
def test_gradient(shape):
    x = torch.randn(2, 1, *shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(local_pod, x)
    channels_last = x.detach().contiguous(memory_format=torch.channels_last)
    assert torch.equal(local_pod(channels_last), local_pod(x))


def test_maps_without_cells_are_refused():
    for shape in ((8, 2), (1, 8)):
        with pytest.raises(ValueError, match='has no . x . square cells'):
            local_pod(torch.zeros(1, 2, *shape))


def test_new_logits_count_as_background():
    logits = wave(2, 6, 3, 3)
    found = background_with_new(logits, 4)
    assert_close(found[:, 0], logits[:, 0] + logits[:, 4] + logits[:, 5])
    assert torch.equal(found[:, 1:], logits[:, 1:4])
