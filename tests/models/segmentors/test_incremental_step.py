"""A step of MiB's eight methods against one from the equations and facts.

What the paper (https://arxiv.org/abs/2201.13338) leaves out is that of the authors'
code: strengths, denominators, importance and the head.
"""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.registry import HOOKS, MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.engine.hooks.incremental_classifier_init_hook import (
    grow_state_dict,
)
from mmseg_labelfree.engine.protocols import build_protocol

ROOT = Path(__file__).parents[3] / 'configs/mib'
OLD, VOID = 3, 255  # background and two classes; two more follow
FIRST, LATER = [0, 1, 2, VOID], [0, 3, 4, VOID]
STRENGTH = dict(ewc=500, pi=500, rw=100)


def stages_of(method, work_dir):
    """The two steps of a config of the paper, with a sixteenth of the channels."""
    suffix = '' if method == 'mib' else f'_{method}'
    cfg = Config.fromfile(ROOT / f'deeplabv3_r101_voc_15-1{suffix}.py')
    cfg.protocol.task = [['aeroplane', 'bicycle'], ['bird', 'boat']]
    cfg.work_dir = str(work_dir)
    cfg.model.backbone.update(depth=18, base_channels=4, stem_channels=4, init_cfg=None)
    cfg.model.decode_head.update(in_channels=32, channels=8)
    return [stage.cfg for stage in build_protocol(cfg).stages(cfg)]


def build(cfg, seed):
    torch.manual_seed(seed)
    return revert_sync_batchnorm(MODELS.build(cfg.model)).double().train()


def batch(seed, values):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(2, 3, 33, 49, generator=generator).double()
    places = torch.randint(0, len(values), (2, 33, 49), generator=generator)
    return images, torch.tensor(values)[places]


def outputs(model, images):
    """Features, and logits of the code's head at the size of the images."""
    (x,), head = model.backbone(images), model.decode_head

    def norm(y, layer):
        statistics = layer.running_mean.clone(), layer.running_var.clone()
        y = F.batch_norm(y, *statistics, layer.weight, layer.bias, model.training)
        return torch.where(y > 0, y, 0.01 * y)

    kernels = [branch.weight for branch in head.branches]
    y = [F.conv2d(x, kernels[0])] + [
        F.conv2d(x, kernel, padding=rate, dilation=rate)
        for kernel, rate in zip(kernels[1:], (6, 12, 18), strict=True)
    ]
    y = F.conv2d(norm(torch.cat(y, 1), head.project[0]), head.project[2].weight)
    mean = F.conv2d(x.mean((2, 3), keepdim=True), head.pooled[1].weight)
    y = y + F.conv2d(norm(mean, head.pooled[2]), head.pooled[4].weight)
    y = norm(y, head.joint[0])
    logits = F.conv2d(y, head.conv_seg.weight, head.conv_seg.bias)
    return x, F.interpolate(logits, images.shape[2:], mode='bilinear')


def of_label(q, labels):
    """Mean over all pixels of -log q(y), 0 where y is void."""
    own = q.gather(1, labels.masked_fill(labels == VOID, 0)[:, None])[:, 0]
    return -own.log().masked_fill(labels == VOID, 0).mean()


def cross_entropy(student, teacher, labels):
    """Eq. 4."""
    return of_label(student[1].softmax(1), labels)


def unbiased_cross_entropy(student, teacher, labels):
    """Eq. 5 and 6: a background pixel is background or of an old class."""
    q = student[1].softmax(1)
    return of_label(torch.cat([q[:, :OLD].sum(1, keepdim=True), q[:, 1:]], 1), labels)


def match(q, teacher):
    """Eq. 7, divided by the number of old classes."""
    return -(teacher[1].softmax(1) * q.log()).sum(1).mean() / OLD


def lwf(student, teacher, labels):
    """Eq. 3, 7 and 8."""
    kd = match(student[1][:, :OLD].softmax(1), teacher)
    return cross_entropy(student, teacher, labels) + 100 * kd


def ilt(student, teacher, labels):
    features = (student[0] - teacher[0]).square().mean()
    return lwf(student, teacher, labels) + 100 * features


def lwf_mc(student, teacher, labels):
    """A binary classifier for each class, the old ones negative but for the teacher."""
    p = student[1].sigmoid()
    truth = torch.stack([labels == k for k in range(p.shape[1])], 1)
    costs = torch.where(truth, -p.log(), -(1 - p).log()).sum(1)
    own = costs.masked_fill(labels == VOID, 0).mean()
    t, p = teacher[1].sigmoid(), p[:, :OLD]
    return own + 10 * OLD * -(t * p.log() + (1 - t) * (1 - p).log()).mean()


def mib(student, teacher, labels):
    """Eq. 3, 5 to 7 and 9: the teacher's background is background or a new class."""
    q = student[1].softmax(1)
    background = q[:, :1] + q[:, OLD:].sum(1, keepdim=True)
    kd = match(torch.cat([background, q[:, 1:OLD]], 1), teacher)
    return unbiased_cross_entropy(student, teacher, labels) + 100 * kd


LOSSES = {
    'ft': cross_entropy,
    'lwf': lwf,
    'lwf-mc': lwf_mc,
    'ilt': ilt,
    'ewc': cross_entropy,
    'pi': cross_entropy,
    'rw': cross_entropy,
    'mib': mib,
}


class Literal:
    """SGD with Nesterov's momentum, for one parameter after another."""

    def __init__(self, rate):
        self.rate, self.momenta = rate, {}

    def stepped(self, name, value, gradient):
        gradient = gradient + 1e-4 * value
        momentum = 0.9 * self.momenta.get(name, 0) + gradient
        self.momenta[name] = momentum
        return value - self.rate * (gradient + 0.9 * momentum)


def update(model, optimizer, images, labels):
    """One update of ours: the loss, and what its gradients became."""
    samples = [SegDataSample(gt_sem_seg=PixelData(data=x[None])) for x in labels]
    loss, _ = model.parse_losses(model.loss(images, samples))
    optimizer.zero_grad()
    optimizer.backward(loss)
    optimizer.step()
    return loss


def assert_close(found, expected):
    """To 1e-5, and where sums cancel out to 1e-7 of the largest value."""
    near = dict(rtol=1e-5, atol=1e-7 * expected.abs().max().item())
    torch.testing.assert_close(found.detach(), expected.detach(), **near)


def gradients(loss, model):
    named = dict(model.named_parameters())
    return dict(zip(named, torch.autograd.grad(loss, [*named.values()]), strict=True))


def values(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def normalize(m):
    return (m - m.min()) / (m.max() - m.min() + 1e-8)


def importance(kind, track, end):
    """Omega of all parameters, from gradients and values at each update of a step."""
    omega = {}
    for name, start in track[0][1].items():
        fisher, path, score, last, kept = torch.ones_like(start), 0, 0, None, None
        for call, (g, theta) in enumerate((g[name], t[name]) for g, t in track):
            path = path if last is None else path + g * (last - theta)
            last = theta
            if call % 10 == 0:
                if kept is not None:
                    way = 0.5 * fisher * (theta - kept) ** 2 + 1e-8
                    score = score + g * (kept - theta) / way
                kept = theta
            fisher = 0.9 * g * g + 0.1 * fisher
        path = (path / ((end[name] - start) ** 2 + 1e-20)).clamp(min=0)
        score = score.clamp(min=0)
        maps = dict(ewc=[fisher], pi=[path], rw=[fisher, score])[kind]
        omega[name] = sum(normalize(m) for m in maps)
    return omega


def first_step(kind, cfg, file):
    """Twelve updates of the first step: its model, and Omega."""
    model = build(cfg, 1)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    (settings,) = [h for h in cfg.custom_hooks if h.type == 'ParameterImportanceHook']
    tracker = HOOKS.build(settings).track(model, optimizer.optimizer)
    track = []
    for seed in range(12):
        images, labels = batch(seed, FIRST)
        loss = cross_entropy(outputs(model, images), None, labels)
        track.append((gradients(loss, model), values(model)))
        update(model, optimizer, images, labels)
    entry = tracker.entry()
    torch.save(dict(state_dict=model.state_dict(), parameter_importance=entry), file)
    return model, importance(kind, track, values(model))


def later_step(cfg, old):
    """The model that starts from the old one, and has it for a teacher."""
    model = build(cfg, 2)
    hooks = {hook.type: hook for hook in cfg.custom_hooks}
    init = hooks['IncrementalClassifierInitHook'].init
    model.load_state_dict(
        grow_state_dict(old.state_dict(), model.state_dict(), init=init)
    )
    if 'FrozenTeacherHook' in hooks:
        model.set_teacher(old)
    return model


@pytest.mark.parametrize('method', LOSSES)
def test_a_step_is_the_one_of_equations_and_facts(method, tmp_path):
    first, cfg = stages_of(method, tmp_path)
    omega, file = {}, tmp_path / 'first.pth'
    old = build(first, 1)
    if method in STRENGTH:
        old, omega = first_step(method, first, file)
    before = values(old)
    model = later_step(cfg, old)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    if omega:
        (hook,) = [h for h in cfg.custom_hooks if h.type == 'ParameterImportanceHook']
        HOOKS.build(dict(hook, checkpoint=str(file))).track(model, optimizer.optimizer)
    old.eval()
    literal = Literal(0.001)  # section 6.2.2, later steps
    for seed in (20, 21, 22):
        images, labels = batch(seed, LATER)
        with torch.no_grad():
            teacher = outputs(old, images)
        expected = LOSSES[method](outputs(model, images), teacher, labels)
        start, wanted = values(model), gradients(expected, model)
        for name, weight in omega.items():
            way = start[name][: len(weight)] - before[name]
            wanted[name][: len(weight)] += 2 * STRENGTH[method] * weight * way
        loss = update(model, optimizer, images, labels)
        assert_close(loss, expected)
        for name, parameter in model.named_parameters():
            assert_close(parameter.grad, wanted[name])
            moved = literal.stepped(name, start[name], wanted[name])
            assert_close(parameter, moved)
    assert wanted['backbone.conv1.weight'].abs().max() > 1e-6


def test_new_classifiers_start_from_the_background(tmp_path):
    """Eq. 10 and 11: q(b) of the old model is spread over b and the new classes."""
    first, cfg = stages_of('mib', tmp_path)
    old = build(first, 1)
    model = later_step(cfg, old).eval()
    images, _ = batch(0, LATER)
    with torch.no_grad():
        before, after = (outputs(m.eval(), images)[1].softmax(1) for m in (old, model))
    for k in (0, 3, 4):
        torch.testing.assert_close(after[:, k], before[:, 0] / 3)
    torch.testing.assert_close(after[:, 1:3], before[:, 1:3])
