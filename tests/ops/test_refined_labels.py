import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmseg_labelfree.ops import (
    activation_labels,
    agreeing_labels,
    background_scores,
    pixel_adaptive_refinement,
    refine_scores,
    refined_labels,
)

PRESENT = torch.tensor([[1, 0, 1], [0, 1, 0]], dtype=torch.bool)
BOXES = [(0, 8, 2, 12), (3, 8, 0, 12)]


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    options = dict(dtype=torch.double, generator=generator)
    return torch.rand(2, 3, 8, 12, **options), torch.rand(2, 3, 8, 12, **options)


def unchanged(images, masks):
    return masks


def test_scores_by_loops(batch):
    _, maps = batch
    scores = background_scores(maps, PRESENT, 0.4)
    for n in range(2):
        present = [0] + [c + 1 for c in range(3) if PRESENT[n, c]]
        logits = torch.cat([torch.full((1, 8, 12), 0.4), maps[n]])[present]
        powers = logits.exp()
        for k, c in enumerate(present):
            assert_close(scores[n, c], powers[k] / powers.sum(0))
    absent = ~F.pad(PRESENT, (1, 0), value=True)
    assert not scores[absent].any()


def test_without_refinement_they_are_the_labels_of_the_activations(batch):
    images, maps = batch
    low, high = (background_scores(maps, PRESENT, b) for b in (0.3, 0.6))
    found = refined_labels(images, low, high, PRESENT, unchanged, shrink=1)
    assert torch.equal(found, activation_labels(maps, PRESENT, 0.3, 0.6))


@pytest.mark.parametrize('boxes', [None, BOXES])
def test_by_single_images_and_single_scores(batch, boxes):
    images, maps = batch
    scores = [background_scores(maps, PRESENT, b) for b in (0.3, 0.6)]
    found = refined_labels(images, *scores, PRESENT, pixel_adaptive_refinement, boxes)
    for n in range(2):
        top, bottom, left, right = boxes[n] if boxes else (0, 8, 0, 12)
        here = n, slice(None), slice(top, bottom), slice(left, right)
        labels = []
        for x in scores:
            refined = refine_scores(
                images[here][None], x[here][None], pixel_adaptive_refinement
            )
            absent = ~F.pad(PRESENT[n], (1, 0), value=True)
            labels.append(refined[0].masked_fill(absent[:, None, None], -1).argmax(0))
        want = torch.full((8, 12), 255)
        want[here[2:]] = agreeing_labels(*labels)
        assert torch.equal(found[n], want)


def test_valid_pixels_alone_have_labels(batch):
    images, maps = batch
    low, high = (background_scores(maps, PRESENT, b) for b in (0.3, 0.6))
    valid = torch.zeros(2, 8, 12, dtype=torch.bool)
    valid[0, 2:5, 3:7] = True
    settings = images, low, high, PRESENT, pixel_adaptive_refinement
    every, some = refined_labels(*settings), refined_labels(*settings, valid=valid)
    assert torch.equal(some[valid], every[valid])
    assert (some[~valid] == 255).all()


def test_labels_of_other_classes(batch):
    images, maps = batch
    with pytest.raises(
        ValueError, match=r'image_labels must be bool of shape \(2, 3\)'
    ):
        background_scores(maps, PRESENT[:, :2], 0.4)
    scores = background_scores(maps, PRESENT, 0.4)
    with pytest.raises(ValueError, match='image_labels must be bool'):
        refined_labels(images, scores, scores, PRESENT[:, :2], unchanged)
