import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.feature_clustering import class_agreement, cluster_features
from mmseg_labelfree.ops.masked_features import masked_feature_sum
from mmseg_labelfree.ops.novel_labels import fuse_labels, novel_map
from mmseg_labelfree.ops.pseudo_labels import pseudo_labels
from mmseg_labelfree.ops.robust_background import robust_background_saliency


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.tuples(*[st.integers(1, 9)] * 4))
def test_masked_sum_equals_upsampling_the_features(seed, sizes):
    h, w, height, width = sizes
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(2, 3, h, w, generator=generator)
    mask = torch.rand(2, height, width, generator=generator) < 0.4
    large = F.interpolate(features, (height, width), mode='bilinear')
    expected = torch.zeros(2, 3)
    for n in range(2):
        for y in range(height):
            for x in range(width):
                if mask[n, y, x]:
                    expected[n] += large[n, :, y, x]
    with torch.no_grad():
        result = masked_feature_sum(features, mask)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)
    assert not result.requires_grad


def test_masked_sum_checks_its_input():
    with pytest.raises(ValueError, match='2 images, but 1 masks'):
        masked_feature_sum(torch.zeros(2, 3, 4, 4), torch.zeros(1, 8, 8))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.3, 0.5]))
def test_fused_labels_equal_loops(seed, threshold):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (4, 5, 6))
    saliency = rng.integers(0, 256, (5, 6), np.uint8)
    base = pseudo_labels(torch.tensor(logits)[None], 0.7, ignore_index=0)[0].numpy()
    novel = novel_map(saliency, base, threshold)
    fused = fuse_labels(base, novel, 9)
    assert fused.dtype == np.uint8
    for y in range(5):
        for x in range(6):
            p = np.exp(logits[:, y, x])
            p /= p.sum()
            sure_base = p.argmax() if p.max() > 0.7 else 0
            salient = saliency[y, x] / 255 > threshold
            assert novel[y, x] == (salient and sure_base == 0)
            assert fused[y, x] == (9 if salient and sure_base == 0 else sure_base)


def test_novel_map_checks_the_size():
    with pytest.raises(ValueError, match=r'\(2, 2\) and labels \(2, 3\)'):
        novel_map(np.zeros((2, 2)), np.zeros((2, 3)), 0.5)


def blobs(num_classes, per_class, dim=50, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(num_classes, dim))
    classes = np.repeat(np.arange(num_classes), per_class)
    features = centers[classes] + 0.1 * rng.normal(size=(len(classes), dim))
    # Lengths do not count: the area of a region must not decide its cluster.
    return features * rng.uniform(1, 1000, (len(classes), 1)), classes


def test_clusters_are_found_and_repeat():
    features, classes = blobs(5, 20)
    result = cluster_features(features, 5, pca_dim=8, seed=3)
    assert class_agreement(result.assignment, classes) == pytest.approx(
        dict(purity=100, nmi=100)
    )
    again = cluster_features(features, 5, pca_dim=8, seed=3)
    assert np.array_equal(again.assignment, result.assignment)
    np.testing.assert_allclose(result.reduced.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(result.reduced.std(0, ddof=1), 1, rtol=1e-3)
    centers = np.stack(
        [result.reduced[result.assignment == k].mean(0) for k in range(5)]
    )
    inertia = ((result.reduced - centers[result.assignment]) ** 2).sum()
    assert result.inertia == pytest.approx(inertia, rel=1e-4)
    plain = cluster_features(features, 2, pca_dim=3, whiten=False)
    assert plain.reduced.std(0)[0] > plain.reduced.std(0)[2]
    assert {*plain.assignment} == {0, 1}


def test_clustering_says_what_is_wrong():
    features, _ = blobs(2, 3)
    assert len(cluster_features(features, 6).assignment) == 6
    with pytest.raises(ValueError, match='7 clusters of 6 images are impossible'):
        cluster_features(features, 7)
    features[4, 0] = np.nan
    with pytest.raises(ValueError, match='row 4 are not finite'):
        cluster_features(features, 2)


def test_agreement_by_hand():
    clusters, classes = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 1])
    result = class_agreement(clusters, classes)
    assert result['purity'] == pytest.approx(100 * 5 / 6)

    def entropy(counts):
        p = np.array(counts) / 6
        return -(p * np.log(p)).sum()

    joint = entropy([2, 1, 2, 1])
    a, b = entropy([3, 2, 1]), entropy([2, 4])
    assert result['nmi'] == pytest.approx(100 * (a + b - joint) / ((a + b) / 2))


def test_robust_background_finds_an_object_and_nothing_in_a_flat_image():
    rng = np.random.default_rng(0)
    image = np.full((60, 80, 3), (60, 120, 60), np.uint8)
    image[:, :40] = (90, 100, 60)  # two kinds of background
    rows, columns = np.indices((60, 80))
    truth = (rows - 30) ** 2 + (columns - 42) ** 2 < 18**2  # off the superpixels' grid
    image[truth] = (200, 40, 40)
    image = np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
    saliency = robust_background_saliency(image)
    found = saliency > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.95
    assert saliency.dtype == np.float32
    assert (saliency.min(), saliency.max()) == (0, 1)
    flat = robust_background_saliency(np.full((20, 30, 3), 90, np.uint8))
    assert flat.shape == (20, 30) and not flat.any()
    assert robust_background_saliency(np.zeros((1, 1, 3), np.uint8)).tolist() == [[0]]
