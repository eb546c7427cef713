"""A whole step of U2PL+ by the paper, and of U2PL by its authors' code.

Loss and gradient of every parameter against the equations written out, in float64.
The i-th of all drawn indices below m is (7919 i + 13) mod m.
"""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.models.teachers.ema import copy_student

SIZE, C, CHANNELS, ANCHORS, NEGATIVES, TAU = 24, 5, 6, 7, 4, 0.5
ALPHA = 0.2  # half of 0.4, in the middle of the training
LOW, HIGH = 1, 4
PICK = (7919 * np.arange(1000) + 13).astype(np.int64)
PARTS = dict(
    representation_head=dict(
        type='RepresentationHead',
        in_channels=8,
        channels=CHANNELS,
        norm_cfg=dict(type='BN'),
        dropout_ratio=0.0,
    ),
    memory_bank=dict(type='PrototypeMemoryBank', num_classes=C, channels=CHANNELS),
    contrastive_loss=dict(
        num_anchors=ANCHORS,
        num_negatives=NEGATIVES,
        temperature=TAU,
        anchor_threshold=0.2,
        low_rank=LOW,
        high_rank=HIGH,
    ),
    unreliable=2 * ALPHA,
    mixing='cutmix',
)


@pytest.fixture
def step(incremental, monkeypatch):
    """Build a model, and run one step of it beside copies of its networks."""

    def draw(high, size, **kwargs):
        return torch.tensor(PICK[: size[1]]).repeat(size[0], 1)

    def step(**changes):
        hub = MessageHub.get_current_instance()
        monkeypatch.setitem(hub.runtime_info, 'iter', 25)
        monkeypatch.setitem(hub.runtime_info, 'max_iters', 50)
        monkeypatch.setattr(torch, 'randint', draw)
        cfg = copy.deepcopy(incremental.model)
        cfg.pop('distillation')
        for part in (cfg.backbone, cfg.decode_head):
            part.norm_cfg = dict(type='BN')
        cfg.decode_head.num_classes = C
        cfg.decode_head.loss_decode = dict(type='CrossEntropyLoss', avg_non_ignore=True)
        cfg.update(copy.deepcopy(PARTS))
        cfg.update(changes)
        torch.manual_seed(0)
        model = MODELS.build(cfg).double()
        teacher = copy_student(model, model.not_in_teacher)
        with torch.no_grad():
            for p in teacher.parameters():
                p += 0.2 * torch.randn_like(p)
            for _ in range(20):  # its statistics
                run(teacher.train(), torch.randn(4, 3, SIZE, SIZE).double())
        if model.memory_bank.momentum:  # of an earlier step
            model.memory_bank.prototypes.normal_()
            model.memory_bank.known.fill_(True)
        model.set_teacher(teacher)
        networks = copy.deepcopy(model), copy.deepcopy(teacher)
        return model, *networks, *one_step(model)

    return step


def one_step(model):
    """Losses of a step with two labeled and two unlabeled images, and what it saw."""
    images = torch.randn(4, 3, SIZE, SIZE, dtype=torch.float64)
    truth = torch.randint_like(images[:2, 0], 0, C).long().repeat_interleave(4, 1)
    truth = truth[:, :SIZE].repeat_interleave(4, 2)[..., :SIZE]
    truth[:, :3] = 255
    data = []
    for index, source in enumerate(['labeled'] * 2 + ['unlabeled'] * 2):
        label = truth[index] if index < 2 else torch.full_like(truth[0], 255)
        sample = SegDataSample(gt_sem_seg=PixelData(data=label[None]))
        sample.set_metainfo(dict(source=source))
        data.append(sample)
    seen = []
    handle = model.backbone.register_forward_pre_hook(
        lambda module, args: seen.append(args[0])
    )
    losses = model.loss(images, data)
    handle.remove()
    mixed = (seen[0][2:] != images[2:]).any(1)
    assert mixed.any() and not mixed.all()
    return losses, images[:2], truth, images[2:], mixed


def run(network, images):
    """Logits and embeddings."""
    features = network.extract_feat(images)
    with network.representation_head.recording(network.decode_head) as recorded:
        logits = network.decode_head(features)
    return logits, network.representation_head(recorded[0])


def enlarge(x):
    return F.interpolate(x, (SIZE, SIZE), mode='bilinear')


def entropy_of(logits):
    return -(logits.softmax(1) * logits.log_softmax(1)).sum(1)


def mix(mask, values):
    """CutMix: the marked pixels come from the next image."""
    if values.dim() == 4:
        mask = mask[:, None]
    return torch.where(mask, values.roll(-1, 0), values)


def rows(maps, where):
    return maps.permute(0, 2, 3, 1)[where]


def info_nce(anchors, positive, queue):
    """Mean over the anchors of a class (U2PL+, eq. 10)."""
    anchors = anchors[PICK[:ANCHORS] % len(anchors)]
    negatives = queue[PICK[: ANCHORS * NEGATIVES] % len(queue)]
    keys = torch.cat(
        [positive.expand(ANCHORS, 1, -1), negatives.view(ANCHORS, NEGATIVES, -1)], 1
    )
    similar = torch.cosine_similarity(anchors[:, None], keys, dim=2) / TAU
    return F.cross_entropy(similar, torch.zeros(ANCHORS, dtype=torch.long))


def assert_same(model, student, losses, expected):
    """Each loss, and the gradient of their sum by each parameter."""
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-5, atol=1e-7)
    names, _ = zip(*model.named_parameters(), strict=True)
    grads = []
    for network, total in (
        (model, sum(losses[name] for name in expected)),
        (student, sum(expected.values())),
    ):
        grads.append(torch.autograd.grad(total, [*network.parameters()]))
    for name, got, want in zip(names, *grads, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-7, msg=name)
        assert want.abs().sum() > 0, name


def test_step_of_the_paper(step):
    model, student, teacher, losses, x_l, y_l, x_u, mask = step(
        type='U2PLEncoderDecoder',
        memory_bank=dict(momentum=0.9),
        contrastive_loss=dict(type='MemoryBankContrastiveLoss', loss_weight=0.1),
        unlabeled_loss=dict(type='SymmetricCrossEntropyLoss', xi1=1.0, xi2=0.5),
    )
    with torch.no_grad():
        logits, z = run(teacher, torch.cat([x_l, x_u]))
        large = enlarge(logits[2:])
        entropy = entropy_of(large)  # eq. 11
        gamma = np.percentile(entropy.numpy(), 100 * (1 - ALPHA))
        reliable = entropy < gamma
        hat = large.argmax(1).masked_fill(~reliable, 255)  # eq. 12
        small = torch.cat([y_l, hat])[:, ::4, ::4]
        proto = student.memory_bank.prototypes.clone()
        for c in small.unique()[:-1]:  # eq. 15-18
            proto[c] = 0.9 * proto[c] + 0.1 * rows(z, small == c).mean(0)
        distance = (z[2:, None] - proto[:, :, None, None]).norm(dim=2)
        weight = enlarge((-distance).log_softmax(1))  # eq. 19
        label = (large + weight).argmax(1)  # eq. 20
        assert (label != large.argmax(1)).any()
        label = label.masked_fill(~reliable, 255)
        # eq. 25-28: the queues, which this step alone fills.
        rank = logits.argsort(1, descending=True).argsort(1)
        unreliable = (entropy > gamma)[:, ::4, ::4]
        y_small = y_l[:, ::4, ::4]
        queues = []
        for c in range(C):
            hard = (y_small != c) & (y_small != 255) & (rank[:2, c] < LOW)
            unlikely = unreliable & (LOW <= rank[2:, c]) & (rank[2:, c] < HIGH)
            queues.append(rows(z, torch.cat([hard, unlikely])))
        # What the student sees, and what is known of it.
        target = mix(mask, label)
        at = mask[:, ::4, ::4]
        anchors = torch.cat([y_small, mix(at, label[:, ::4, ::4])])
        p = torch.cat([logits[:2], mix(at, logits[2:])]).softmax(1)
    own, e = run(student, torch.cat([x_l, mix(mask, x_u)]))
    log_q = enlarge(own).log_softmax(1)
    kept = target != 255
    chosen = log_q[2:].gather(1, target.where(kept, 0)[:, None])[:, 0]
    pixel = -chosen - 0.5 * np.log(1e-4) * (1 - chosen.exp())  # eq. 4
    lambda_u = kept.numel() / kept.sum()  # eq. 14
    contrast = []
    for c in range(C):
        candidates = rows(e, (anchors == c) & (p[:, c] > 0.2))  # eq. 21-23
        if len(candidates) and len(queues[c]):
            contrast.append(info_nce(candidates, proto[c], queues[c]))
    assert len(contrast) > 1
    expected = {
        'decode.loss_ce': F.nll_loss(log_q[:2], y_l, ignore_index=255),
        'unlabeled.loss_sce': lambda_u * pixel.where(kept, 0).mean(),
        'contrast.loss_contrast': 0.1 * sum(contrast) / C,
    }
    assert_same(model, student, losses, expected)


def test_step_of_the_authors_code(step):
    """With all three mistakes, see ``mmseg_labelfree/ops/u2pl_official.py``."""
    model, student, teacher, losses, x_l, y_l, x_u, mask = step(
        type='U2PLOfficialEncoderDecoder'
    )
    with torch.no_grad():
        teacher.eval()
        target = mix(mask, enlarge(run(teacher, x_u)[0]).argmax(1))
        teacher.train()
        seen = torch.cat([x_l, mix(mask, x_u)])
        logits, z = run(teacher, seen)
        entropy = entropy_of(enlarge(logits[2:]))
        low, high = np.percentile(entropy.numpy(), [100 * ALPHA, 100 * (1 - ALPHA)])
        kept = entropy < high
        # Which classes a pixel has: those of any image, in the first one only.
        y, y_u = y_l[:, ::4, ::4], target[:, ::4, ::4]
        has = torch.zeros(4, C, 6, 6, dtype=torch.bool)
        for image in range(2):
            for c in range(C):
                has[0, c] |= y[image] == c
                has[2, c] |= y_u[image] == c
        labeled = (y_l != 255)[:, ::4, ::4]
        sure = has & torch.cat([labeled, (entropy <= low)[:, ::4, ::4]])[:, None]
        unsure = has & torch.cat([labeled, (entropy >= high)[:, ::4, ::4]])[:, None]
        p = logits.softmax(1)
        rank = logits.argsort(1, descending=True).argsort(1)
        unlikely = (LOW <= rank) & (rank < HIGH)
        unlikely[:2] = (rank[:2] < LOW) & ~has[:2]
        queues = [rows(z, (unsure & unlikely)[:, c]) for c in range(C)]
        present = [c for c in range(C) if sure[:, c].any()]
    own, e = run(student, seen)
    log_q = enlarge(own).log_softmax(1)
    contrast = []
    for place, c in enumerate(present):  # the place stands where the class should
        candidates = rows(e, sure[:, place] & (p[:, place] > 0.2))
        if len(candidates) and len(queues[c]):
            positive = rows(z, sure[:, place]).mean(0)
            contrast.append(info_nce(candidates, positive, queues[c]))
    assert len(contrast) > 1
    over_kept = F.nll_loss(log_q[2:], target.masked_fill(~kept, 255), ignore_index=255)
    expected = {
        'decode.loss_ce': F.nll_loss(log_q[:2], y_l, ignore_index=255),
        'unlabeled.loss_ce': over_kept * kept.numel() / kept.sum(),
        'contrast.loss_contrast': sum(contrast) / len(present),
    }
    assert_same(model, student, losses, expected)
    for name, value in teacher.state_dict().items():  # its own statistics, moved once
        torch.testing.assert_close(model.teacher.state_dict()[name], value, msg=name)
