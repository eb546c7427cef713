import pytest
import torch
from mmseg.registry import MODELS

from mmseg_labelfree.models.utils import (
    ActivationLabeler,
    image_boxes,
    image_colors,
    inside_boxes,
)
from mmseg_labelfree.ops import multi_scale_activations

LABELS = torch.tensor([[True, False, True], [False, True, False]])
BOXES = [(2, 30, 4, 40), (0, 32, 10, 48)]
SIZES = {1.0: (2, 3), 0.5: (1, 2), 1.5: (3, 5)}


@pytest.fixture
def activations(wave):
    scales = iter(SIZES.items())

    def network(images):
        scale, size = next(scales)
        return wave(4, 3, *size, phase=scale)

    return multi_scale_activations(network, torch.zeros(2, 3, 32, 48), [*SIZES])


def test_the_authors_numbers(activations, wave):
    images = 0.5 + wave(2, 3, 32, 48, phase=0.2, scale=0.5)
    valid = inside_boxes(BOXES, images)
    found = ActivationLabeler(refinement={})(images, activations, LABELS, valid)
    values, counts = found.unique(return_counts=True)
    assert values.tolist() == [0, 1, 2, 3, 255]
    assert counts.tolist() == [979, 934, 51, 38, 1070]
    rows = [
        *(255, 1, 1, 1, 1, 1, 255, 1, 1, 1, 255, 255),
        *(255, 255, 255, 255, 0, 0, 0, 0, 255, 0, 255, 0),
    ]
    assert found[:, 16, ::4].flatten().tolist() == rows


def test_without_refinement_two_thresholds_are_left(activations):
    labeler = ActivationLabeler(0.35, 0.55, refinement=None, shrink=1)
    found = labeler(torch.zeros(2, 3, 32, 48), activations, LABELS)
    present = activations * LABELS[:, :, None, None]
    top, label = present.max(1)
    expected = torch.where(top > 0.55, label + 1, torch.where(top <= 0.35, 0, 255))
    assert torch.equal(found, expected)


def test_affinity_of_a_token_with_itself_alone_changes_nothing(activations):
    labeler = ActivationLabeler(0.35, 0.55, refinement=None, shrink=1)
    images = torch.zeros(2, 3, 32, 48).double()
    alone = torch.eye(32 * 48).double().expand(2, -1, -1)
    found = labeler.propagated(images, activations, LABELS, alone, (32, 48))
    assert torch.equal(found, labeler(images, activations, LABELS))


def test_activations_spread_to_tokens_that_are_alike():
    labeler = ActivationLabeler(0.4, 0.4, refinement=None, shrink=1)
    maps = torch.tensor([1.0, 0.0, 0.0]).view(1, 1, 1, 3)
    alike = torch.tensor([[[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    images, label = torch.zeros(1, 3, 1, 3), torch.tensor([[True]])
    assert labeler(images, maps, label).flatten().tolist() == [1, 0, 0]
    found = labeler.propagated(images, maps, label, alike, (1, 3))
    assert found.flatten().tolist() == [1, 1, 0]
    boxes = [(0, 1, 1, 3)]
    valid = inside_boxes(boxes, images)
    found = labeler.propagated(images, maps, label, alike, (1, 3), valid, boxes)
    assert found.flatten().tolist() == [255, 1, 0]


def test_scores_out_of_order():
    with pytest.raises(ValueError, match=r'background_low=0.6 and background_high=0.5'):
        ActivationLabeler(0.6, 0.5)


@pytest.fixture
def preprocessor():
    return MODELS.build(
        dict(
            type='SegDataPreProcessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            size_divisor=1,
        )
    )


def test_colors_are_those_of_the_file(preprocessor):
    levels = torch.arange(256).float().expand(1, 3, 1, 256)
    normalized = (levels - preprocessor.mean) / preprocessor.std
    torch.testing.assert_close(image_colors(normalized, preprocessor), levels / 255)


def test_colors_are_rounded_down_as_the_authors_do(preprocessor, wave):
    images = wave(1, 3, 4, 5, scale=1.5)
    before = images.clone()
    colors = 255 * image_colors(images, preprocessor)
    first = [123, 139, 155, 172, 187, 151, 165, 180, 192, 203]
    assert colors.flatten()[:10].round().tolist() == first
    last = [52, 38, 69, 56, 43, 31, 22, 42, 32, 24, 19, 17]
    assert colors.flatten()[-12:].round().tolist() == last
    assert torch.equal(images, before)


def test_places_of_images():
    class Sample:
        def __init__(self, **metainfo):
            self.metainfo = metainfo

    samples = [Sample(img_shape=(2, 3)), Sample(box=(1, 2, 0, 3), img_shape=(4, 4))]
    boxes = image_boxes(samples)
    assert boxes == [(0, 2, 0, 3), (1, 2, 0, 3)]
    inside = inside_boxes(boxes, torch.zeros(2, 3, 4, 4))
    assert inside.sum((1, 2)).tolist() == [6, 3]
    assert inside[1, 1, :3].all()
