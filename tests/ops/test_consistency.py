import weakref

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from mmseg_labelfree.ops.consistency import (
    VIEW_SETS,
    View,
    ViewSet,
    consistent_labels,
    make_view,
    view_set,
)


def slow_labels(predict, images, views, align_corners):
    """Per view, per pixel: what eq. 5 and 6 say, with a stored map for each view."""
    num, _, height, width = images.shape
    maps = []
    for scale, flip in views:
        edge = 1 if align_corners else 0
        size = [round((s - edge) * scale) + edge for s in (height, width)]
        view = F.interpolate(images, size, mode='bilinear', align_corners=align_corners)
        view = (
            torch.stack([view[..., x] for x in range(size[1])][::-1], -1)
            if flip
            else view
        )
        scores = predict(view)
        if flip:
            columns = [scores[..., x] for x in range(scores.shape[3])]
            scores = torch.stack(columns[::-1], -1)
        scores = F.interpolate(
            scores, (height, width), mode='bilinear', align_corners=align_corners
        )
        labels = torch.empty(num, height, width, dtype=torch.int64)
        for n in range(num):
            for y in range(height):
                for x in range(width):
                    best = 0
                    for c in range(1, scores.shape[1]):
                        if scores[n, c, y, x] > scores[n, best, y, x]:
                            best = c
                    labels[n, y, x] = best
        maps.append(labels)
    result = maps[0].clone()
    for n in range(num):
        for y in range(height):
            for x in range(width):
                if len({int(m[n, y, x]) for m in maps}) > 1:
                    result[n, y, x] = 255
    return result


@settings(max_examples=15, deadline=None)
@given(
    st.integers(5, 12),
    st.integers(5, 12),
    st.booleans(),
    st.integers(0, 10**6),
    st.sampled_from(
        ['none', 'mirror', 'up', 'mirror+down', 'mirror+up', 'mirror+random']
    ),
)
def test_equals_the_slow_reference_bit_for_bit(height, width, align, seed, name):
    torch.manual_seed(seed)
    images = torch.randn(2, 3, height, width)
    network = torch.nn.Conv2d(3, 4, 3, stride=2, padding=1).requires_grad_(False)
    views = view_set(name).draw()
    got = consistent_labels(network, images, views, align)
    assert torch.equal(got, slow_labels(network, images, views, align))
    assert got.dtype == torch.int64


@settings(max_examples=25, deadline=None)
@given(
    st.integers(9, 40),
    st.integers(9, 40),
    st.booleans(),
    st.lists(
        st.tuples(st.sampled_from([0.75, 1.0, 1.3, 1.5, 1.75]), st.booleans()),
        min_size=1,
        max_size=4,
    ),
)
def test_inverse_views_restore_positions(height, width, align, views):
    """The network scores the column of a pixel; every view must give it back."""
    columns = torch.arange(width, dtype=torch.float64).expand(1, 1, height, width)

    def predict(view):  # -(x - c)^2 up to a constant: linear in x, greatest at c = x
        c = torch.arange(width, dtype=torch.float64).view(1, -1, 1, 1)
        return 2 * c * view - c * c

    views = [View(*v) for v in views]
    got = consistent_labels(predict, columns, views, align)
    assert torch.equal(got[0], columns[0, 0].long())


def test_mirrored_views_are_exact_for_odd_sizes():
    images = torch.arange(2 * 7 * 5.0).view(2, 1, 7, 5)
    for view in (View(1.0, True), View(1.0, False)):
        changed = make_view(images, view)
        back = changed.flip(3) if view.flip else changed
        assert torch.equal(back, images)
    assert make_view(images, View(1.0)) is images


def test_sizes_of_views():
    images = torch.zeros(1, 3, 321, 33)

    def size(scale, align):
        return tuple(make_view(images, View(scale), align).shape[2:])

    assert size(1.5, True) == (481, 49) and size(1.75, True) == (561, 57)
    assert size(0.5, False) == (160, 16)  # 160.5 and 16.5, to even
    assert size(0.001, False) == (1, 1)


def test_disagreement_stays_even_if_later_views_agree_again():
    answers = iter([0, 1, 0])

    def predict(view):
        scores = torch.zeros(1, 2, *view.shape[2:])
        scores[:, next(answers)] = 1
        return scores

    got = consistent_labels(predict, torch.zeros(1, 3, 2, 2), [View()] * 3)
    assert (got == 255).all()


class MadeTensors(TorchDispatchMode):
    """Knows the tensors made inside the context that still exist."""

    def __init__(self):
        super().__init__()
        self.made = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.made.append(weakref.ref(result))
        return result

    def held(self):
        alive = [t for ref in self.made if (t := ref()) is not None]
        storages = {t.data_ptr(): t.untyped_storage().nbytes() for t in alive}
        return sum(storages.values())


def test_memory_does_not_grow_with_the_number_of_views():
    held = []

    def predict(view):
        held.append(mode.held() - view.nbytes)
        return torch.randn(4, 5, 8, 8)

    images = torch.zeros(4, 3, 64, 64)
    with MadeTensors() as mode:
        consistent_labels(predict, images, [View(1.5, k % 2 == 1) for k in range(10)])
    one_map = 4 * 64 * 64 * 8
    assert held[0] < one_map  # the list does see what is made
    assert one_map <= held[2] <= 4 * one_map
    assert held[2:] == [*held[2:4]] * 4


def test_named_sets_are_the_rows_of_table_3():
    assert list(VIEW_SETS) == [
        'none',
        'mirror',
        'down',
        'up',
        'random',
        'mirror+down',
        'mirror+up',
        'mirror+random',
    ]
    assert view_set('mirror+up').draw() == [
        (1.0, False),
        (1.0, True),
        (1.5, False),
        (1.5, True),
        (1.75, False),
        (1.75, True),
    ]
    assert view_set('down').draw() == [(1.0, False), (0.75, False), (0.5, False)]


def test_random_scales_are_drawn_once_for_both_mirrors_and_seeded():
    torch.manual_seed(5)
    first = view_set('mirror+random').draw()
    second = view_set('mirror+random').draw()
    torch.manual_seed(5)
    assert view_set('mirror+random').draw() == first != second
    scales = [v.scale for v in first]
    assert scales[0::2] == scales[1::2] and scales[0] == 1.0
    assert all(0.5 <= s <= 1.75 for s in scales)


def test_own_sets():
    views = view_set(dict(scales=[1, [0.5, 2.0]], mirror=True))
    assert views == ViewSet((1.0, (0.5, 2.0)), True)
    assert len(views.draw()) == 4


@pytest.mark.parametrize('scales', [[], [0.0], [[2.0, 1.0]], [[1.0]]])
def test_bad_scales(scales):
    with pytest.raises(ValueError, match='scales of views must be positive'):
        view_set(dict(scales=scales))


def test_unknown_set():
    with pytest.raises(ValueError, match="views='sideways' is unknown; use one of"):
        view_set('sideways')
