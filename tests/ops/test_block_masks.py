"""Against the numbers of github.com/lhoyer/MIC 2f932a9, whose draws are replaced."""

import pytest
import torch

from mmseg_labelfree.ops import blank, block_masks


@pytest.fixture
def formula_draw(monkeypatch):
    """Replace the uniform draw by frac(0.37 i + 0.115)."""

    def draw(*shape, **kwargs):
        index = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
        return (0.37 * index + 0.115).frac().view(shape)

    monkeypatch.setattr(torch, 'rand', draw)


@pytest.mark.parametrize(
    ('size', 'block', 'kept', 'sums'),
    [
        ((20, 28), 8, [210, 140], [65.1244179631, -0.1245704085]),
        ((24, 32), 4, [224, 240], [-45.8028769128, 10.7498626449]),
    ],
)
def test_masks_of_the_authors_code(formula_draw, wave, size, block, kept, sums):
    """20 / 8 is rounded to 2 and 28 / 8 to 4, so blocks are 10 x 7 there."""
    hidden = block_masks(2, *size, block, ratio=0.7)
    assert (~hidden).sum((1, 2)).tolist() == kept
    images = blank(hidden, wave(2, 3, *size), fill=0)
    assert images.sum((1, 2, 3)).tolist() == pytest.approx(sums, abs=1e-8)


def test_blocks_are_whole_and_as_many_as_asked_for():
    generator = torch.Generator().manual_seed(0)
    hidden = block_masks(50, 64, 96, 16, ratio=0.3, generator=generator)
    blocks = hidden.unfold(1, 16, 16).unfold(2, 16, 16).flatten(3)
    assert torch.equal(blocks.all(3), blocks.any(3))
    assert hidden.float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert not torch.equal(hidden[0], hidden[1])
    assert block_masks(1, 8, 8, 4, ratio=1.0).all()
    torch.manual_seed(0)
    first = block_masks(2, 64, 64)
    torch.manual_seed(0)
    assert torch.equal(block_masks(2, 64, 64), first)


def test_blocks_that_do_not_fit():
    with pytest.raises(
        ValueError, match='block_size=32 is too large for images of 8 x'
    ):
        block_masks(1, 8, 64, 32)
