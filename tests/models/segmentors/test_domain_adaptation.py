"""A mean teacher across domains: DACS, DAFormer and MIC.

Numbers are those of github.com/lhoyer/DAFormer e6f6e04 with stub networks, in float64.
"""

import copy

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_labelfree.models.segmentors import (
    NetworkOutputs,
    TeacherView,
    ViewMasking,
    real_pixels,
    split_batch,
)
from mmseg_labelfree.models.teachers import (
    WeightAverage,
    copy_student,
    ramped_momentum,
)

from ...method_settings import CROSS_DOMAIN

SIZE = (64, 64)
MIT = dict(
    type='OriginalMixVisionTransformer',
    embed_dims=8,
    num_layers=[1, 1, 1, 1],
    num_heads=[1, 2, 5, 8],
    sr_ratios=[2, 2, 1, 1],
    drop_path_rate=0.1,
)
HEAD = dict(
    type='DAFormerHead',
    in_channels=[8, 16, 40, 64],
    in_index=[0, 1, 2, 3],
    channels=8,
    embed_dims=8,
    num_classes=5,
    norm_cfg=dict(type='BN'),
    loss_decode=dict(type='CrossEntropyLoss'),
)
DACS = dict(
    type='MeanTeacherEncoderDecoder',
    labeled_sources=('source',),
    unlabeled_sources=('target',),
    ignore_rows=(3, 10),
    **CROSS_DOMAIN,
)
CONTRAST = dict(
    type='U2PLEncoderDecoder',
    entropy_filter=False,
    denoise=False,
    adaptive_weight=False,
    unreliable=0.4,
    representation_head=dict(
        type='RepresentationHead',
        in_channels=32,
        channels=6,
        layer='fuse_layer',
        kernel_size=1,
        dropout_ratio=0.0,
    ),
    memory_bank=dict(type='PrototypeMemoryBank', num_classes=5, channels=6, length=40),
    contrastive_loss=dict(
        type='MemoryBankContrastiveLoss',
        num_anchors=8,
        num_negatives=4,
        low_rank=1,
        anchor_threshold=0.1,
    ),
)


@pytest.fixture(scope='module')
def mit_file(tmp_path_factory):
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp('weights') / 'mit.pth'
    torch.save(MODELS.build(MIT).state_dict(), path)
    return path


@pytest.fixture
def distance(mit_file):
    """DAFormer's part of a model, on weights of a file."""
    return dict(
        backbone=dict(MIT, init_cfg=dict(type='Pretrained', checkpoint=str(mit_file))),
        feature_distance=dict(
            type='FeatureDistance', classes=[1, 2], min_ratio=0.3, loss_weight=0.5
        ),
    )


def build(**kwargs):
    torch.manual_seed(0)
    model = MODELS.build(dict(dict(backbone=MIT, decode_head=HEAD), **DACS) | kwargs)
    model.init_weights()
    teacher = copy_student(model, model.not_in_teacher)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for p in teacher.parameters():
            p += 0.1 * torch.randn(p.shape, generator=generator)
    model.set_teacher(teacher)
    return model.train()


def samples(*sources, seed=0):
    """Random images with labels in blocks of 16 x 16; targets have 255 alone."""
    generator = torch.Generator().manual_seed(seed)
    data = []
    for source in sources:
        label = torch.randint(0, 5, (1, 4, 4), generator=generator)
        label = label.repeat_interleave(16, 1).repeat_interleave(16, 2)
        label[:, :, :2] = 255
        if source == 'target':
            label.fill_(255)
        sample = SegDataSample(gt_sem_seg=PixelData(data=label))
        sample.set_metainfo(dict(source=source))
        data.append(sample)
    return torch.randn(len(sources), 3, *SIZE, generator=generator), data


def pattern(num, height, width, classes):
    i, y, x = torch.meshgrid(*map(torch.arange, (num, height, width)), indexing='ij')
    return torch.tensor(classes)[(2 * i + 3 * y + 5 * x) % len(classes)]


# fmt: off
MIXED = [
    [1, 1, 1, 0, 0, 0, 4, 7, 7, 3, 1, 0, 0, 0, 0, 7, 7, 7, 3, 3, 3, 3, 3, 3, 3, 3, 3,
     3, 3, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 7, 7, 3, 3,
     3, 3, 3, 6, 6, 2, 3, 3, 3, 3, 3, 6, 6, 6, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3],
    [5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7, 3, 3, 3,
     3, 6, 6, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 6, 6, 6, 2, 2, 5, 5, 5, 5,
     5, 5, 5, 5, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 6, 6, 2, 2, 2, 2, 5, 5, 1],
]
# fmt: on
PASTED = [[7, 5, 3], [5, 3, 0]]  # what their replaced draw chose


@pytest.fixture
def authors_view(wave, monkeypatch):
    """The mixed view of one iteration of their code, made by our segmentor."""
    model = build(
        confidence_threshold=0.968,
        ignore_rows=(1, 2),
        decode_head=dict(HEAD, num_classes=8),
    )
    logits = wave(2, 8, 8, 10, phase=0.4, scale=20.0)
    monkeypatch.setattr(model, 'teacher_outputs', lambda _: NetworkOutputs(logits))
    images = torch.cat([wave(2, 3, 8, 10), wave(2, 3, 8, 10, phase=0.9)])
    data = samples('source', 'source', 'target', 'target')[1]
    labels = pattern(2, 8, 10, [0, 3, 5, 255, 7])
    data = [
        SegDataSample(gt_sem_seg=PixelData(data=label[None]), metainfo=sample.metainfo)
        for sample, label in zip(data, [*labels, *labels], strict=True)
    ]
    batch = split_batch(images, data, ('source',), ('target',))
    draws = torch.ones(2, 256)
    for draw, classes in zip(draws, PASTED, strict=True):
        draw[classes] = 0.1  # the others are kept
    monkeypatch.setattr(torch, 'rand', lambda *_, **__: draws)
    _, (view,) = model.views(batch)
    return model, view


def test_an_iteration_of_the_authors_code(authors_view, wave):
    model, view = authors_view
    sums = view.images.sum((1, 2, 3)).tolist()
    assert sums == pytest.approx([-108.9203654862, -113.169826901], abs=1e-8)
    # Rows without weight have label 255 here, which is the same for a mean over all.
    counts = view.labels != 255
    weights = view.weights * counts
    assert weights.sum().item() == pytest.approx(104.5, abs=1e-4)
    assert weights[0].sum(1).tolist() == pytest.approx(
        [0.0, 3.625, 10.0, 10.0, 10.0, 3.625, 0.0, 10.0], abs=1e-5
    )
    expected = torch.tensor(MIXED).view_as(view.labels)
    assert torch.equal(view.labels[counts], expected[counts])
    rows = [0, 6, 7]
    assert counts.any(2).all() or set((~counts).nonzero()[:, 1].tolist()) <= {*rows}
    logits = wave(2, 8, 8, 10, phase=0.2).requires_grad_()
    losses = model.view_loss(logits, view)
    losses['unlabeled.loss_ce'].backward()
    assert losses['unlabeled.loss_ce'].item() == pytest.approx(2.0881128051, rel=1e-7)
    assert logits.grad.norm().item() == pytest.approx(0.062071392, rel=1e-6)


def test_teacher_of_the_authors_code(wave):
    """Their copy at the start is update 0 of the ramp."""
    student, teacher = nn.Linear(3, 2, bias=False), nn.Linear(3, 2, bias=False)
    student.double(), teacher.double()
    average = WeightAverage(student, teacher)
    for t in range(5):
        student.weight.data.copy_(wave(2, 3, phase=0.2 * t, scale=1.0))
        average.update(ramped_momentum(t, 0.6))
    assert teacher.weight.flatten().tolist() == pytest.approx(
        [
            *(0.499989159, 0.908042753, -0.2515289262),
            *(0.9229636537, 0.4582136662, -0.8100763125),
        ],
        abs=1e-9,
    )


def logits_of(model, images):
    return resize(model(images, mode='tensor'), SIZE, mode='bilinear')


def test_a_step_by_its_definition(distance):
    """Passes, confidence, rows, masked view and distance, one after the other."""
    model = build(
        masked_view=dict(block_size=16, mask_ratio=0.5, weight=0.7), **distance
    )
    inputs, data = samples('source', 'target', 'source', 'target')
    by_hand, teacher = copy.deepcopy(model), copy.deepcopy(model.teacher)
    frozen = MODELS.build(MIT).eval()
    frozen.load_state_dict(torch.load(distance['backbone']['init_cfg']['checkpoint']))
    for part in (model, by_hand):  # no drop path, no dropout: compared exactly
        for module in part.modules():
            if isinstance(module, nn.Dropout2d) or hasattr(module, 'drop_prob'):
                module.eval()
    # The teacher normalizes the target by itself.
    for module in teacher.modules():
        module.training = isinstance(module, (nn.BatchNorm2d, nn.LayerNorm))
    with torch.no_grad():
        probability = logits_of(teacher, inputs[[1, 3]]).softmax(1)
    # A threshold near none of the probabilities.
    middle = probability.amax(1).flatten().sort().values[3000:5000]
    widest = middle.diff().argmax()
    model.confidence_threshold = middle[widest : widest + 2].mean().item()
    seen, shown = [], []
    model.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    views = model.strong_views
    model.strong_views = lambda *args: shown.extend(views(*args)) or shown
    losses = model.loss(inputs, data)
    assert set(losses) == {
        *('decode.loss_ce', 'decode.acc_seg'),
        'features.loss_feature_distance',
        *('unlabeled.loss_ce', 'unlabeled.used', 'masked.loss_ce', 'masked.used'),
    }
    q = (probability.amax(1) >= model.confidence_threshold).float().mean()
    assert 0.05 < q < 0.95
    pseudo = probability.argmax(1)
    pseudo[:, :3] = pseudo[:, -10:] = 255
    mixed, masked = shown
    pasted = (mixed.images != inputs[[1, 3]]).all(1)
    truth = torch.cat([data[i].gt_sem_seg.data for i in (0, 2)])
    labels = truth.where(pasted, pseudo)
    weights = torch.where(pasted, 1.0, q)
    assert torch.equal(mixed.labels, labels)
    torch.testing.assert_close(mixed.weights, weights)
    assert torch.equal(masked.labels, pseudo)
    hidden = (masked.images == 0).all(1)
    assert 0 < hidden.float().mean() < 1
    assert torch.equal(
        masked.images.permute(0, 2, 3, 1)[~hidden],
        inputs[[1, 3]].permute(0, 2, 3, 1)[~hidden],
    )
    # Each domain and the masked view pass by themselves.
    for got, expected in zip(
        seen, (inputs[[0, 2]], mixed.images, masked.images), strict=True
    ):
        assert torch.equal(got, expected)
    source = by_hand.extract_feat(inputs[[0, 2]])
    ce = F.cross_entropy(
        resize(by_hand.decode_head(source), SIZE, mode='bilinear'),
        truth,
        ignore_index=255,
        reduction='sum',
    )
    torch.testing.assert_close(losses['decode.loss_ce'], ce / truth.numel())
    for name, view, weight in (
        ('unlabeled', labels, weights),
        ('masked', pseudo, q),
    ):
        images = mixed.images if name == 'unlabeled' else masked.images
        pixels = F.cross_entropy(
            logits_of(by_hand, images), view, ignore_index=255, reduction='none'
        )
        factor = 0.7 if name == 'masked' else 1.0
        torch.testing.assert_close(
            losses[f'{name}.loss_ce'], factor * (weight * pixels).mean()
        )
    with torch.no_grad():
        other = frozen(inputs[[0, 2]])[-1]
    distances = (source[-1] - other).pow(2).sum(1).sqrt()
    shares = torch.stack(
        [
            F.avg_pool2d((truth == c).float()[:, None], 32)[:, 0]
            for c in [*range(5), 255]
        ]
    )
    things = (
        shares.argmax(0).unsqueeze(0) == torch.tensor([1, 2]).view(2, 1, 1, 1)
    ).any(0)
    things &= shares.amax(0) >= 0.3
    assert 0 < things.float().mean() < 1
    torch.testing.assert_close(
        losses['features.loss_feature_distance'], 0.5 * distances[things].mean()
    )


def test_contrast_is_added_to_daformer():
    """The pseudo-labels of all pixels stay; anchors and negatives obey the entropy."""
    plain, model = build(), build(**CONTRAST)
    inputs, data = samples('source', 'target', 'source', 'target')
    results = []
    for each in (plain, model):
        batch = split_batch(inputs, data, ('source',), ('target',))
        torch.manual_seed(3)
        results.append(each.views(batch))
    (_, (expected,)), (labeled, (view,)) = results
    assert torch.equal(
        (view.images != inputs[[1, 3]]), expected.images != inputs[[1, 3]]
    )
    real = real_pixels(batch.unlabeled, batch.unlabeled_samples)
    inner = model.inner_rows(real)
    target = (view.images == inputs[[1, 3]]).all(1)
    assert (view.labels[target] == 255).equal(~inner[target])
    anchors = view.anchors[
        nn.functional.interpolate(target[:, None].float(), view.anchors.shape[1:])[:, 0]
        > 0
    ]
    assert (anchors == 255).float().mean() > 0.3  # unreliable ones and ignored rows
    losses = model.loss(inputs, data)
    assert losses['contrast.loss_contrast'] > 0
    assert model.memory_bank.filled.any()


def test_adaptive_weight_keeps_the_factor_of_a_masked_view():
    """Eq. 14 times the weight of the view."""
    model = build(
        **dict(CONTRAST, entropy_filter=True, adaptive_weight=True),
        masked_view=dict(block_size=16, weight=0.5),
        mixing=None,
        mixing_classes='image',
    )
    inputs, data = samples('source', 'target', 'target')
    _, (plain, masked) = model.views(
        split_batch(inputs, data, ('source',), ('target',))
    )
    assert torch.equal(plain.labels, masked.labels)
    used = (plain.labels != 255).float().mean()
    torch.testing.assert_close(plain.loss_weight, 1 / used)
    torch.testing.assert_close(masked.loss_weight, 0.5 / used)


def test_teacher_of_the_contrast_passes_each_domain_by_itself():
    model = build(**CONTRAST)
    inputs, data = samples('target', 'source', 'source')
    seen = []
    model.teacher.backbone.register_forward_pre_hook(
        lambda _, args: seen.append(args[0])
    )
    model.views(split_batch(inputs, data, ('source',), ('target',)))
    assert torch.equal(seen[0], inputs[1:]) and torch.equal(seen[1], inputs[:1])


@pytest.mark.parametrize(
    'kinds', [('surest',), ('labeled', 'surest'), ('labeled', 'surest', 'unreliable')]
)
def test_rows_of_table_12(kinds):
    """R are as many pixels of the lowest entropy as U are of the highest."""
    model = build(**dict(CONTRAST, negatives=kinds))
    entropy = torch.rand(2, 40, 50, generator=torch.Generator().manual_seed(0))
    pixels = model.partition(entropy, torch.ones_like(entropy, dtype=torch.bool))
    share = model.unreliable_share()
    assert pixels.surest.float().mean().item() == pytest.approx(share, abs=1e-3)
    assert pixels.unreliable.float().mean().item() == pytest.approx(share, abs=1e-3)
    assert entropy[pixels.surest].max() < entropy[~pixels.surest].min()
    model.loss(*samples('source', 'target'))
    assert model.memory_bank.filled.any()


@pytest.mark.parametrize(
    'settings', [{}, CONTRAST, dict(masked_view=dict(block_size=16))]
)
@pytest.mark.parametrize(
    'sources', [('source', 'target'), ('source', 'source'), ('target', 'target')]
)
def test_all_parameters_get_finite_gradients(distance, settings, sources):
    model = build(**distance, **settings)
    for seed in range(2):
        total, _ = model.parse_losses(model.loss(*samples(*sources, seed=seed)))
        total.backward()
    assert torch.isfinite(total)
    for name, p in model.named_parameters():
        assert p.grad is not None and torch.isfinite(p.grad).all(), name


def test_a_frozen_encoder_is_in_no_state(distance):
    model = build(**distance)
    assert model.state_dict().keys() == build().state_dict().keys()
    assert model.teacher.feature_distance is None


def test_rows_that_leave_nothing():
    with pytest.raises(
        ValueError, match=r'ignore_rows=\(60, 4\) leaves nothing of crops'
    ):
        build(ignore_rows=(60, 4)).loss(*samples('source', 'target'))
    with pytest.raises(ValueError, match=r'ignore_rows=\(-1, 4\) must be two num'):
        build(ignore_rows=(-1, 4))


def test_settings_that_do_not_fit():
    with pytest.raises(
        ValueError, match="mixing_classes='batch' is for mixing='classmix'"
    ):
        build(mixing='cutmix')
    with pytest.raises(ValueError, match="mixing_classes='domain' is unknown"):
        build(mixing_classes='domain')
    with pytest.raises(ValueError, match='mask_ratio=70 must be a number'):
        build(masked_view=dict(mask_ratio=70))


def test_masks_hide_the_same_in_all_channels():
    view = TeacherView(torch.ones(2, 3, 64, 64), torch.zeros(2, 64, 64).long())
    torch.manual_seed(0)
    masked = ViewMasking(block_size=16, mask_ratio=0.7)(view)
    kept = masked.images.bool()
    assert torch.equal(kept.any(1), kept.all(1))
    assert 0.1 < kept.float().mean() < 0.5
    assert (masked.labels == 0).all() and masked.name == 'masked'


def step_of(model, inputs, data):
    losses = model.loss(inputs, data)
    total, _ = model.parse_losses(losses)
    total.backward()
    grads = [p.grad.flatten() for p in model.parameters()]
    return {k: v.item() for k, v in losses.items()}, torch.cat(grads)[::20].numpy()


def step_of_a_process(model, inputs, data):
    rows = [[0, 1, 4, 5], [2, 3, 6, 7]][dist.get_rank()]
    return step_of(model, inputs[rows], [data[i] for i in rows])


@pytest.mark.slow
def test_two_processes_equal_one(distance, in_two_processes):
    """Share and distance are those of all images; norms of one image each."""
    norm = dict(type='GN', num_groups=2)
    distance['backbone'].update(drop_path_rate=0.0)
    model = build(
        **distance,
        decode_head=dict(HEAD, norm_cfg=norm, dropout_ratio=0.0),
        mixing=None,
        mixing_classes='image',
    )
    with torch.no_grad():  # away from the frozen encoder
        for p in model.backbone.parameters():
            p += 0.05
    inputs, data = samples(*['source'] * 4, *['target'] * 4)
    parts = in_two_processes(step_of_a_process, model, inputs, data)
    losses, grads = step_of(model, inputs, data)
    assert parts[0][0]['unlabeled.loss_ce'] != parts[1][0]['unlabeled.loss_ce']
    for name, value in losses.items():
        mean = sum(part[0][name] for part in parts) / 2
        assert mean == pytest.approx(value, rel=1e-4), name
    mean = sum(part[1] for part in parts) / 2
    np.testing.assert_allclose(mean, grads, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize('contrast', [False, True])
def test_training_resumes_exactly(semi, distance, contrast, whole_and_resumed):
    settings = dict(DACS, **(CONTRAST if contrast else {}))
    settings.update(
        labeled_sources=('labeled',),
        unlabeled_sources=('unlabeled',),
        ignore_rows=(2, 4),
        masked_view=dict(block_size=8),
        **distance,
    )
    semi.model.decode_head = HEAD
    for key in ('mixing_prob', 'backbone'):
        semi.model.pop(key)
    semi.model.update(settings)
    semi.custom_hooks[-1].update(momentum=0.9, buffers='own')
    if contrast:
        semi.custom_hooks.append(dict(type='PrototypeMemoryBankHook'))

    (whole, expected), (resumed, got) = whole_and_resumed(semi)
    assert all('features.loss_feature_distance' in losses for losses in expected.losses)
    assert got.losses == expected.losses[4:]
    state = whole.model.state_dict()
    assert not any('frozen' in name for name in state)
    for name, value in resumed.model.state_dict().items():
        assert torch.equal(value, state[name])
