"""Numbers of the authors' code of MiB, U2PL, IDDC and EUMS, in float64.

Their functions ran unchanged, on inputs that anyone can write down: ``wave`` and
``labels``. Each loss comes with its gradient's norm and first four numbers.
"""

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch.testing import assert_close

from mmseg_labelfree import ops
from mmseg_labelfree.models.layers.memory_bank import PrototypeMemoryBank
from mmseg_labelfree.models.losses import U2PLOfficialContrastiveLoss
from mmseg_labelfree.models.losses.pixel_losses import pixel_loss

from ..reference_inputs import labels, wave

# fcdl94/MiB 1c58983, utils/loss.py and segmentation_module.py.
MIB = dict(
    unbiased_cross_entropy=(
        1.4552482827,
        0.0887897988,
        [0.0, 0.0006147384, -0.0006892955, 0.0022258098],
    ),
    unbiased_kd=(
        0.2307487153,
        0.0120958624,
        [5.31987e-05, 5.05579e-05, -1.71278e-05, -0.0001798198],
    ),
    unbiased_kd_alpha2=(
        0.177614754,
        0.0142224788,
        [7.72471e-05, 9.61595e-05, -1.25768e-05, -0.0003403524],
    ),
    kd=(
        0.2108627482,
        0.0129875437,
        [-0.0005095516, -0.0008339773, -0.00125062, -0.001535915],
    ),
    lwf_mc_bce=(
        5.499865043,
        0.1609947994,
        [0.0, 0.0090014785, -0.0035783619, 0.0120040674],
    ),
    lwf_mc_distillation=(
        0.4880159737,
        0.0112511464,
        [-0.0011006701, -0.0008494209, -0.0005693602, -0.0003358368],
    ),
    ilt_features=(
        4.0778931861,
        0.197071251,
        [-0.0120210141, -0.0106639997, -0.0087908026, -0.0063775339],
    ),
)
# Haochen-Wang409/U2PL ab3d2be, u2pl/utils/loss_helper.py.
U2PL_UNSUPERVISED = {
    20: (129, (4.0562676823, 0.1210091298, [0.0, 0.0, 0.0, -0.0078129176])),
    5: (153, (3.4323265344, 0.092809252, [0.0, 0.0, -0.0061148107, -0.0055540505])),
}
U2PL_REVERSE = (
    7.4896697202,
    0.1228943172,
    [-0.0023558839, -0.0036537108, -0.0058479199, -0.0090089236],
)
U2PL_CONTRAST = (1.8376902325, 0.1280901457, [0.0, 0.0, 0.049460639, 0.0])
# MY-LIU100101/IDDC f3f6939, losses/contrast_loss.py.
IDDC = dict(
    positive=(
        1.4624873058,
        0.0451937541,
        [-0.004471675, -0.0041588874, -0.0030463334, -0.0033391052],
    ),
    negative=(
        1.0561324274,
        0.0126722648,
        [0.0021544742, 0.0005359602, -0.0002628828, -9.88172e-05],
    ),
    weibull=(
        0.2297737975,
        0.0327874285,
        [0.0107865266, 0.0095141404, 0.0066698534, 0.0074057086],
    ),
    entropy=(
        -0.305327734,
        0.0072536567,
        [0.0025236301, 0.0022297922, 0.0015725845, 0.001742303],
    ),
)


def assert_loss(loss, inputs, expected):
    """Value, norm of the gradient by all inputs, its first numbers by the first."""
    value, norm, first = expected
    grads = torch.autograd.grad(loss, inputs)
    whole = torch.cat([g.flatten() for g in grads])
    want = torch.tensor([value, norm, *first], dtype=torch.float64)
    got = torch.stack([loss.detach(), whole.norm(), *whole[:4]])
    assert_close(got, want, rtol=1e-6, atol=1e-9)


MIB_LOSSES = dict(
    unbiased_cross_entropy=lambda x, t, y: ops.unbiased_cross_entropy(x, y, 4),
    unbiased_kd=lambda x, t, y: ops.unbiased_knowledge_distillation(x, t),
    unbiased_kd_alpha2=lambda x, t, y: ops.unbiased_knowledge_distillation(x, t, 2.0),
    kd=lambda x, t, y: ops.knowledge_distillation(x, t),
    lwf_mc_bce=lambda x, t, y: ops.incremental_bce(x, y, 4, variant='official'),
    # Ours is a sum over the 4 old classes: 10 times it is their 10 x 4 times the mean.
    lwf_mc_distillation=lambda x, t, y: ops.binary_distillation(x, t) / 4,
    ilt_features=lambda x, t, y: ops.feature_distillation(
        x, wave(2, 6, 5, 7, phase=1.0)
    ),
)


@pytest.mark.parametrize('name', MIB)
def test_losses_of_mib(name):
    x, t = wave(2, 6, 5, 7).requires_grad_(), wave(2, 4, 5, 7, phase=0.5)
    y = labels(2, 5, 7, [0, 4, 0, 5], 11)
    assert_loss(MIB_LOSSES[name](x, t, y).mean(), [x], MIB[name])


def test_classifier_of_mib():
    weight, bias = wave(4, 3, phase=0.2, scale=1), wave(4, phase=0.3, scale=1)
    grown, biases = ops.grow_classifier(weight, bias, 6)
    new = torch.tensor([0.1986693308, 0.9999832013, 0.0815021518], dtype=torch.float64)
    for row in (4, 5):
        assert_close(grown[row], new, rtol=1e-6, atol=1e-9)
    want = torch.full((3,), -0.803092082, dtype=torch.float64)
    assert_close(biases[[0, 4, 5]], want, rtol=1e-6, atol=1e-9)
    assert_close(grown[:4], weight, rtol=0, atol=0)


@pytest.mark.parametrize('percent', U2PL_UNSUPERVISED)
def test_unlabeled_loss_of_u2pl(percent):
    """Eq. 14 times the mean over the kept pixels."""
    kept, expected = U2PL_UNSUPERVISED[percent]
    student = wave(2, 5, 9, 9).requires_grad_()
    entropy = ops.softmax_entropy(wave(2, 5, 9, 9, phase=0.8))
    reliable = ops.split_by_entropy(entropy, percent / 100).reliable
    target = labels(2, 9, 9, range(5)).masked_fill(~reliable, 255)
    assert reliable.sum() == kept
    weight = ops.reliable_pixel_weight(target).double()
    loss = MODELS.build(dict(type='CrossEntropyLoss', avg_non_ignore=True))
    ours = pixel_loss(loss, student, target)
    assert_loss(weight * ours, [student], expected)


def test_reverse_cross_entropy_of_u2pl():
    student, target = wave(2, 5, 9, 9).requires_grad_(), labels(2, 9, 9, range(5))
    loss = ops.symmetric_cross_entropy(student, target, xi1=0.0, xi2=1.0).mean()
    assert_loss(loss, [student], U2PL_REVERSE)


@pytest.fixture
def counted(monkeypatch):
    """The i-th of all drawn indices below m is (7919 i + 13) mod m."""

    def draw(high, size, **kwargs):
        return (7919 * torch.arange(size[1]) + 13).repeat(size[0], 1)

    monkeypatch.setattr(torch, 'randint', draw)


def test_contrast_of_u2pl(counted):
    """Their ``compute_contra_memobank_loss``, its mistakes included.

    It is called with a one-hot map of each image, as the mistake in that is elsewhere.
    """
    student = wave(4, 8, 9, 9, scale=1).requires_grad_()
    teacher = wave(4, 8, 9, 9, phase=0.4, scale=1)
    logits = torch.cat([wave(2, 5, 9, 9, phase=p) for p in (0.2, 1.1)])
    own = [labels(2, 9, 9, classes) for classes in ([0, 1, 2], [0, 1, 2, 2, 1])]
    own = torch.cat(own)
    member = own[:, None] == torch.arange(5)[:, None, None]
    entropy = ops.softmax_entropy(logits[2:])
    split = ops.split_by_entropy(entropy, 0.2, variant='official')
    every = torch.ones_like(split.anchors)
    low = torch.cat([every, split.anchors])
    high = torch.cat([every, split.unreliable])
    bank = PrototypeMemoryBank(
        num_classes=5, channels=8, length=40, background_length=40, momentum=0
    ).double()
    contrast = U2PLOfficialContrastiveLoss(
        num_anchors=6, num_negatives=4, low_rank=1, high_rank=4
    )
    bank.update_prototypes(teacher, member & low[:, None])
    contrast.push_negatives(bank, teacher, logits, member, high, num_labeled=2)
    assert bank.filled.tolist() == [7, 8, 4, 0, 0]
    loss = contrast(student, logits, member, low, bank)
    assert_loss(loss, [student], U2PL_CONTRAST)


@pytest.fixture
def crops():
    """Unit embeddings and logits of the first and the second crops."""
    features = (wave(5, 6, 3, 3, scale=1, phase=p) for p in (0, 0.3))
    logits = [wave(5, 4, 3, 3, phase=p).requires_grad_() for p in (0.9, 1.7)]
    return [F.normalize(f, dim=1) for f in features], logits


def test_pairs_of_iddc(crops):
    embeddings, logits = crops
    v = [x.softmax(1) for x in logits]
    loss = ops.positive_pair_loss(*v, *embeddings, threshold=0.2)
    assert_loss(loss, logits, IDDC['positive'])
    # They pair the first crops with the first crops of other images.
    first, u = logits[0].softmax(1), embeddings[0]
    loss = ops.negative_pair_loss(
        first, first, u, u, [1, 2, 3], threshold=0.12, variant='official'
    )
    assert_loss(loss, logits[:1], IDDC['negative'])


def test_balances_of_iddc(crops):
    """Of the first crops.

    Their entropy is a mean over the 4 clusters, ours a sum (eq. 6), with 1e-6 in each
    logarithm, which adds 1e-6 to the mean and next to nothing to the gradient.
    """
    first = crops[1][0]
    frequencies = ops.cluster_frequencies(first.softmax(1))
    loss = ops.weibull_balance(frequencies, 0.3, 5.0, variant='official')
    assert_loss(loss, [first], IDDC['weibull'])
    loss = ops.entropy_balance(ops.cluster_frequencies(first.softmax(1))) / 4
    loss = loss - 1e-6
    assert_loss(loss, [first], IDDC['entropy'])


def test_foreground_entropy_of_eums():
    """From HeliosZhao/NCDSS 0116e9f, utils/entropy_ranking_utils.py."""
    foreground = labels(3, 6, 6, [0, 0, 5, 6]) > 4
    got = ops.foreground_entropy(wave(3, 7, 6, 6), foreground)
    want = [0.5959111917, 0.5656083739, 0.5509545329]
    assert_close(got, torch.tensor(want, dtype=torch.float64), rtol=1e-6, atol=0)
