"""A step of SPNet+ST and of STRICT against one from the equations and facts."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

BUNDLE = Path(__file__).parents[3] / 'configs/_base_/strict_voc.py'
SEEN, UNSEEN, UNLABELED, VOID = [0, 1, 2], [3, 4], 254, 255
RATES = 6, 12, 18, 24
CLOSE = dict(rtol=1e-5, atol=1e-12)


@pytest.fixture
def cfg():
    """The bundle, with a sixteenth of the channels."""
    cfg = Config.fromfile(BUNDLE)
    cfg.model.backbone.update(depth=50, base_channels=4, stem_channels=4, init_cfg=None)
    head = cfg.model.decode_head
    head.head.in_channels = 128
    vectors = np.random.default_rng(0).normal(size=(5, 12))
    head.embeddings = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    head.classes, head.unseen = list('abcde'), ['d', 'e']
    return cfg


def build(cfg, seed):
    torch.manual_seed(seed)
    model = MODELS.build(cfg.model).double().train()
    for module in model.backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as if trained: not all the same
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    for parameter in model.decode_head.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model


class Literal:
    """DeepLabV2 among class vectors: four branches, each with a bias of its own."""

    def __init__(self, model):
        embed = model.decode_head.conv_seg.embed
        self.backbone = model.backbone
        self.vectors = model.decode_head.conv_seg.vectors
        kernels = embed.weight.detach().split(embed.in_channels, 1)
        self.kernels = [k.clone().requires_grad_() for k in kernels]
        quarter = embed.bias.detach() / 4
        self.biases = [quarter.clone().requires_grad_() for _ in RATES]

    def scores(self, images):
        """Inner products with all class vectors (eq. 1), at an eighth of the size."""
        (features,) = self.backbone(images)
        embedded = 0
        for kernel, bias, rate in zip(self.kernels, self.biases, RATES, strict=True):
            embedded += F.conv2d(features, kernel, bias, padding=rate, dilation=rate)
        return torch.einsum('cd,ndhw->nchw', self.vectors, embedded)


@torch.no_grad()
def best_unseen(teacher, images, scale, flip):
    """Eq. 5 at the size of the logits: a view, its best unseen classes laid back."""
    sides = [round((side - 1) * scale) + 1 for side in images.shape[2:]]
    view = F.interpolate(images, sides, mode='bilinear', align_corners=True)
    scores = teacher.scores(view.flip(3) if flip else view)[:, UNSEEN]
    scores = scores.flip(3) if flip else scores
    sides = [(side - 1) // 8 + 1 for side in images.shape[2:]]
    return F.interpolate(scores, sides, mode='bilinear', align_corners=True).argmax(1)


def literal_loss(student, teacher, images, labels, views):
    """Eq. 2, 4 and 6 with lambda = 1, one mean over both kinds of labels."""
    best = [best_unseen(teacher, images, *view) for view in views]
    log = student.scores(images).log_softmax(1)
    costs = []
    for n, y, x in np.ndindex(len(log), *log.shape[2:]):
        label = int(labels[n, 8 * y, 8 * x])
        if label == UNLABELED:
            found = {int(classes[n, y, x]) for classes in best}
            label = UNSEEN[found.pop()] if len(found) == 1 else VOID
        if label != VOID:
            costs.append(-log[n, label, y, x])
    return sum(costs) / len(costs)


def batch():
    torch.manual_seed(0)
    images = 50 * torch.randn(2, 3, 65, 49).double()
    values = torch.tensor([*SEEN, UNLABELED, VOID])
    labels = values[torch.randint(0, 5, (2, 65, 49))]
    return images, labels


@pytest.mark.parametrize(
    ('method', 'scales', 'flips'),
    [('st', [1], [False]), ('strict', [1, 1.5, 1.75], [False, True])],
)
def test_a_step_is_the_one_of_equations_and_facts(cfg, method, scales, flips):
    cfg.model.update(cfg[method])
    views = list(product(scales, flips))
    model, teacher = build(cfg, 1), build(cfg, 2)
    model.set_teacher(teacher)
    images, labels = batch()
    literal = Literal(model)
    expected = literal_loss(literal, Literal(teacher), images, labels, views)
    backbone = {n: p for n, p in model.backbone.named_parameters() if p.requires_grad}
    assert not any('bn' in name for name in backbone)  # frozen
    learned = [*backbone.values(), *literal.kernels, *literal.biases]
    gradients = torch.autograd.grad(expected, learned)

    samples = [SegDataSample(gt_sem_seg=PixelData(data=x[None])) for x in labels]
    loss, _ = model.parse_losses(model.loss(images, samples))
    torch.testing.assert_close(loss, expected.detach(), check_dtype=False, **CLOSE)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    optimizer.backward(loss)
    embed = model.decode_head.conv_seg.embed
    split = len(backbone)
    kernels, biases = gradients[split : split + 4], gradients[split + 4 :]
    for parameter, gradient in zip(backbone.values(), gradients[:split], strict=True):
        torch.testing.assert_close(parameter.grad, gradient, **CLOSE)
    torch.testing.assert_close(embed.weight.grad, torch.cat(kernels, 1), **CLOSE)
    assert gradients[0].abs().max() > 1e-6  # the first layer learns, too

    moved = [
        stepped(p, g, 1)
        for p, g in zip(backbone.values(), gradients[:split], strict=True)
    ]
    moved_kernels = [
        stepped(p, g, 10) for p, g in zip(literal.kernels, kernels, strict=True)
    ]
    moved_biases = [
        stepped(p, g, 20, decay=0) for p, g in zip(literal.biases, biases, strict=True)
    ]
    optimizer.step()
    for parameter, value in zip(backbone.values(), moved, strict=True):
        torch.testing.assert_close(parameter.detach(), value, **CLOSE)
    torch.testing.assert_close(embed.weight.detach(), torch.cat(moved_kernels, 1))
    torch.testing.assert_close(embed.bias.detach(), sum(moved_biases), **CLOSE)


def stepped(parameter, gradient, factor, decay=5e-4):
    """The first step of SGD, before there is a momentum."""
    start = parameter.detach()
    return start - factor * 2.5e-4 * (gradient + decay * start)
