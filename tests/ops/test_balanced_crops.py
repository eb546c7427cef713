import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops import balanced_places, crops_at, draw_places


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    crop_size=st.tuples(st.integers(1, 6), st.integers(1, 7)),
    share=st.floats(0.3, 1),
)
def test_the_first_place_that_will_do_by_a_loop(seed, crop_size, share):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (6, 7), generator=generator)
    labels[:, :4] = 0
    labels[labels == 2] = 255
    places = draw_places(5, (6, 7), crop_size, generator)
    chosen = balanced_places(labels, places, crop_size, 2, share)
    height, width = crop_size
    for top, left in places.tolist():
        crop = labels[top : top + height, left : left + width]
        counts = [(crop == c).sum().item() for c in range(2)]
        if min(counts) > 0 and max(counts) < share * sum(counts):
            break
    assert chosen.tolist() == [top, left]
    (crop,) = crops_at(labels[None], chosen[None], crop_size)
    assert torch.equal(crop, labels[top : top + height, left : left + width])


def test_places_are_everywhere_in_the_image():
    places = draw_places(300, (4, 6), (3, 2), torch.Generator().manual_seed(0))
    assert {tuple(p) for p in places.tolist()} == {
        (top, left) for top in range(2) for left in range(5)
    }
    with pytest.raises(ValueError, match=r'\(4, 6\) are smaller than crops of \(5, 2'):
        draw_places(1, (4, 6), (5, 2))


def test_crops_of_maps_with_channels():
    values = torch.arange(48).view(2, 3, 2, 4)
    found = crops_at(values, torch.tensor([[0, 1], [1, 0]]), (1, 3))
    assert torch.equal(found[0], values[0, :, :1, 1:4])
    assert torch.equal(found[1], values[1, :, 1:, :3])
