import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

from mmseg_labelfree.ops import distribution_contrast, mean_feature_regularizer


@pytest.fixture
def pixels():
    """Embeddings, labels and statistics of three classes."""
    torch.manual_seed(0)
    statistics = MODELS.build(dict(type='ClassStatistics', num_classes=3, channels=4))
    embeddings, labels = torch.randn(2, 4, 5, 6), torch.randint(0, 3, (2, 5, 6))
    statistics.update(F.normalize(embeddings, dim=1), labels)
    labels[0, 0] = 255
    return embeddings, labels, statistics


def build(**settings):
    return MODELS.build(dict(type='DistributionContrastiveLoss') | settings)


def test_embeddings_of_any_length(pixels):
    embeddings, labels, statistics = pixels
    loss = build(temperature=0.5, loss_weight=0.3)
    found = loss(7 * embeddings, labels, statistics)
    unit = F.normalize(embeddings, dim=1)
    means, variances = statistics.means, statistics.variances
    expected = distribution_contrast(unit, labels, means, variances, 0.5)
    expected = expected + mean_feature_regularizer(unit, labels, means, 0.5)
    torch.testing.assert_close(found, 0.3 * expected)


def test_parts_can_be_left_out(pixels):
    embeddings, labels, statistics = pixels
    unit = F.normalize(embeddings, dim=1)
    found = build(variance=False, regularizer=0.0)(embeddings, labels, statistics)
    logits = torch.einsum('ndhw,cd->nchw', unit, statistics.means) / 100
    expected = F.cross_entropy(logits, labels, ignore_index=255)
    torch.testing.assert_close(found, expected)


def test_labels_take_the_size_of_the_embeddings():
    labels = torch.zeros(1, 9, 8, dtype=torch.long)
    labels[:, :2, :3] = 1
    small = build(min_ratio=0.75).shrink(labels, (5, 4))
    assert small.shape == (1, 5, 4)
    assert small[0, 0].tolist() == [1, 255, 0, 0] and not small[0, 1:4].any()
    assert small[0, 4].tolist() == [255] * 4  # half a window


@pytest.mark.parametrize(
    ('name', 'value'), [('temperature', 0), ('regularizer', -1), ('min_ratio', 75)]
)
def test_settings_out_of_range(name, value):
    with pytest.raises(ValueError, match=f'{name}={value} must be'):
        build(**{name: value})
