"""Whole training steps of EUMS against a literal transcription.

The transcription follows the equations and what is known of the authors' code
(HeliosZhao/NCDSS): three passes of the student, whose backbone has fixed statistics,
the teacher's update and its pass in train mode, half of each labeled loss, the ramp,
and an optimizer for layers 3 and 4 and the decoder alone.
"""

import copy
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.engine.hooks import EMATeacherHook

ROOT = Path(__file__).parents[3]
METHOD = Config.fromfile(ROOT / 'configs/_base_/methods/eums.py')
SCHEDULE = Config.fromfile(ROOT / 'configs/_base_/schedules/eums.py')
NETWORK = Config.fromfile(ROOT / 'configs/_base_/models/deeplabv3_r50-d8.py')
SOURCES = ['base'] * 3 + ['clean'] * 3 + ['unclean'] * 3
ITERATIONS, SIZE, CLASSES = 3, 33, 6


def brightened(images, _=None):
    return 0.8 * images + 0.1


@pytest.fixture
def model(monkeypatch):
    cfg = copy.deepcopy(NETWORK.model)
    cfg.update(METHOD.eums)
    cfg.backbone.update(base_channels=4, init_cfg=None)
    cfg.decode_head.update(
        in_channels=128, channels=8, dilations=(1, 2, 3), num_classes=CLASSES
    )
    cfg.decode_head.dropout_ratio = 0.0  # the one thing that is drawn
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    monkeypatch.setattr(model, 'strong_view', brightened)
    return model.double()


def batches():
    torch.manual_seed(1)
    for _ in range(ITERATIONS):
        images = torch.randn(len(SOURCES), 3, SIZE, SIZE, dtype=torch.float64)
        labels = torch.randint(0, CLASSES, (len(SOURCES), SIZE, SIZE))
        labels[torch.rand(labels.shape) < 0.3] = 255
        yield images, labels


def samples_of(labels):
    samples = []
    for source, label in zip(SOURCES, labels, strict=True):
        label = torch.full_like(label, 255) if source == 'unclean' else label
        sample = SegDataSample(gt_sem_seg=PixelData(data=label[None]))
        sample.set_metainfo(dict(source=source, img_shape=(SIZE, SIZE)))
        samples.append(sample)
    return samples


def ours(model, epoch):
    """Losses, gradients and weights of some iterations of the package."""
    wrapper = build_optim_wrapper(model, copy.deepcopy(SCHEDULE.optim_wrapper))
    runner = SimpleNamespace(model=model, optim_wrapper=wrapper, iter=0, hooks=[])
    settings = {k: v for k, v in METHOD.protocol.teacher.items() if k != 'type'}
    EMATeacherHook(**settings).before_train(runner)
    hub = MessageHub.get_current_instance()
    hub.update_info('batches_per_epoch', 0)
    hub.update_info('epoch', epoch)
    losses = []
    for images, labels in batches():
        loss, _ = model.train().parse_losses(model.loss(images, samples_of(labels)))
        losses.append(loss.detach())
        wrapper.zero_grad()
        loss.backward()
        gradients = {n: p.grad.clone() for n, p in trained(model)}
        wrapper.step()
    return losses, gradients


def trained(model):
    kept = ('backbone.layer3', 'backbone.layer4', 'decode_head')
    return [(n, p) for n, p in model.named_parameters() if n.startswith(kept)]


def literal(student, epoch):
    """The same, written down."""
    teacher = copy.deepcopy(student)
    groups = {0.001: 'backbone', 0.1: 'decode_head'}
    optimizer = torch.optim.SGD(
        [
            dict(params=[p for n, p in trained(student) if n.startswith(part)], lr=rate)
            for rate, part in groups.items()
        ],
        momentum=0.9,
        weight_decay=1e-4,
    )
    weight = math.exp(-5 * (1 - min(epoch / 5, 1)) ** 2)
    losses = []
    for net in (student, teacher):
        net.backbone.eval()
        net.decode_head.train()

    def logits(net, images):
        small = net.decode_head(net.backbone(images))
        return F.interpolate(small, (SIZE, SIZE), mode='bilinear', align_corners=False)

    for images, labels in batches():
        base = F.cross_entropy(
            logits(student, images[:3]), labels[:3], ignore_index=255
        )
        clean = F.cross_entropy(
            logits(student, images[3:6]), labels[3:6], ignore_index=255
        )
        strong = logits(student, brightened(images[6:]))
        with torch.no_grad():
            for slow, quick in zip(
                teacher.parameters(), student.parameters(), strict=True
            ):
                slow.copy_(0.99 * slow + 0.01 * quick)
            probabilities = logits(teacher, images[6:]).softmax(1)
        confidence, guess = probabilities.max(1)
        pixels = F.cross_entropy(strong, guess, reduction='none')
        loss = (base + clean) / 2 + weight * (pixels * (confidence > 0.0)).mean()
        losses.append(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        gradients = {n: p.grad.clone() for n, p in trained(student)}
        optimizer.step()
    return losses, gradients, teacher


@pytest.mark.parametrize('epoch', [2, 7])
def test_steps_equal_the_transcription(model, epoch):
    student = copy.deepcopy(model)
    found, gradients = ours(model, epoch)
    losses, expected, teacher = literal(student, epoch)
    close = dict(rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(found, losses, **close)
    assert gradients.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(gradients[name], value, **close)
    for name, value in student.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, **close)
    # One update more than in the transcription, which has it before its pass.
    last = dict(student.named_parameters())
    for name, value in model.teacher.state_dict().items():
        wanted = teacher.state_dict()[name]
        if name in last:
            wanted = 0.99 * wanted + 0.01 * last[name].detach()
        torch.testing.assert_close(value, wanted, **close)


def test_joint_teacher_normalizes_the_whole_batch(model):
    """In train mode it sees labeled and unlabeled images together, as the student."""
    images, labels = next(batches())
    model.student_passes = 'joint'
    model.set_teacher(copy.deepcopy(model))
    teacher = copy.deepcopy(model.teacher)
    model.train()
    MessageHub.get_current_instance().update_info('epoch', 9)
    losses = model.loss(images, samples_of(labels))
    teacher.train()
    model.backbone.eval()

    def logits(net, images):
        small = net.decode_head(net.backbone(images))
        return F.interpolate(small, (SIZE, SIZE), mode='bilinear', align_corners=False)

    with torch.no_grad():
        guess = logits(teacher, images)[6:].argmax(1)
        strong = logits(model, torch.cat([images[:6], brightened(images[6:])]))[6:]
    expected = F.cross_entropy(strong, guess)
    torch.testing.assert_close(losses['unlabeled.loss_ce'].detach(), expected)
    for name, value in teacher.named_buffers():
        torch.testing.assert_close(dict(model.teacher.named_buffers())[name], value)
