"""SSUL on the boxes: a step against its equations, and what stays as it is."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch.testing import assert_close

from mmseg_labelfree.engine.hooks import IncrementalClassifierInitHook
from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.utils.checkpoint import load_weights
from mmseg_labelfree.utils.distributed import bare_model, prepare_cpu_processes

CLASSIFIER = 'decode_head.conv_seg.'
LEARNING = tuple(f'{CLASSIFIER}{name}.' for name in ('background', 'unknown'))


@pytest.fixture
def second(ssul):
    """The config of step 1, after a step 0."""
    runner = ProtocolRunner(ssul)
    runner.run('step_0')
    return runner.stage('step_1').cfg


class Record(Hook):
    """Each iteration's batch, rate and loss."""

    def __init__(self):
        self.steps = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        batch = runner.model.data_preprocessor(copy.deepcopy(data_batch), True)
        rate = runner.optim_wrapper.get_lr()['base_lr'][0]
        self.steps.append([batch['inputs'], batch['data_samples'], rate])

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.steps[-1].append(outputs['loss'].item())


def branch(weights, name, x):
    """Logits of a branch, with the statistics that its norm has."""
    w = {k[len(name) + 1 :]: v for k, v in weights.items() if k.startswith(f'{name}.')}
    x = F.conv2d(x, w['hidden.conv.weight'], padding=1)
    statistics = w['hidden.bn.running_mean'], w['hidden.bn.running_var']
    x = F.batch_norm(x, *statistics, w['hidden.bn.weight'], w['hidden.bn.bias'])
    return F.conv2d(x.relu(), w['classify.weight'], w['classify.bias'])


def enlarged(logits, labels):
    size = labels.shape[1:]
    return F.interpolate(logits, size, mode='bilinear', align_corners=False)


def make_sure_of_objects(folder):
    """Let a model that has learned little find old objects here and there."""
    (file,) = folder.glob('*.pth')
    checkpoint = torch.load(file, weights_only=False)
    weight = checkpoint['state_dict'][f'{CLASSIFIER}steps.0.classify.weight']
    weight.normal_(std=9, generator=torch.Generator().manual_seed(0))
    torch.save(checkpoint, file)
    return checkpoint['state_dict']


@pytest.mark.slow
def test_a_step_is_the_equations(second):
    """All updates of a step by hand, in the order of the authors' channels."""
    second.model.decode_head.dropout_ratio = 0.0
    before = make_sure_of_objects(Path(second.work_dir).with_name('step_0'))
    runner, record = Runner.from_cfg(second), Record()
    runner.register_hook(record)
    runner.train()

    cfg = copy.deepcopy(second.model)
    cfg.decode_head.update(step_sizes=[2], num_classes=3)
    old = MODELS.build(cfg)
    old.load_state_dict(before)
    old = old.eval().double()
    weights = {
        k.removeprefix(CLASSIFIER): v.double()
        for k, v in before.items()
        if k.startswith(CLASSIFIER)
    }
    for key, value in dict(weights).items():
        if key.startswith('unknown'):
            weights['new' + key.removeprefix('unknown')] = value.clone()
    initial = dict(weights)
    rates = dict(unknown=1.0, new=1.0, background=0.1)
    groups = {name: [] for name in rates}
    for key in weights:
        name = key.partition('.')[0]
        if name in rates and 'bn' not in key:
            weights[key] = weights[key].clone().requires_grad_()
            groups[name].append(weights[key])
    optimizer = torch.optim.SGD(
        [dict(params=params) for params in groups.values()],
        lr=1,
        momentum=0.9,
        nesterov=True,
    )
    renamed = 0
    for images, samples, rate, loss in record.steps:
        labels = torch.cat([sample.gt_sem_seg.data for sample in samples])
        with torch.no_grad():
            x = old.decode_head.features(old.extract_feat(images.double()))
            known = [branch(weights, 'steps.0', x)]
            unknown, background = (
                branch(initial, name, x) for name in ('unknown', 'background')
            )
            score, predicted = enlarged(
                torch.cat([unknown, background, *known], 1), labels
            ).max(1)
        target = torch.where(labels == 255, 255, labels + 1)
        target[labels == 254] = 0
        free = (target == 0) | (target == 1)
        sure = free & (predicted >= 2) & (score.sigmoid() >= 0.7)
        renamed += sure.sum().item()
        target = torch.where(sure, predicted, target)
        unknown, background, new = (
            branch(weights, name, x) for name in ('unknown', 'background', 'new')
        )
        logits = enlarged(torch.cat([unknown, background, *known, new], 1), target)
        valid = target != 255
        one_hot = F.one_hot(target.where(valid, 0), 5).permute(0, 3, 1, 2).double()
        pixels = F.binary_cross_entropy_with_logits(logits, one_hot, reduction='none')
        total = pixels.sum(1)[valid].mean()
        frozen = pixels[:, 2:4].sum(1)[valid].mean()  # a constant, left out by ours
        assert (total - frozen).item() == pytest.approx(loss, rel=1e-4)
        optimizer.zero_grad()
        total.backward()
        for group, factor in zip(optimizer.param_groups, rates.values(), strict=True):
            group['lr'] = rate * factor
        optimizer.step()
    assert renamed > 100
    found = runner.model.state_dict()
    for key, value in weights.items():
        key = CLASSIFIER + key.replace('new', 'steps.1')
        assert_close(found[key].double(), value.detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_what_is_old_stays_bit_by_bit(second):
    runner = Runner.from_cfg(second)
    runner.train()
    model, found = runner.model, runner.model.state_dict()
    before = load_weights(str(Path(second.work_dir).with_name('step_0')))[0]
    moved = {k for k, v in before.items() if not torch.equal(found[k], v)}
    assert moved == {k for k in before if k.startswith(LEARNING) and '.bn.' not in k}

    cfg = copy.deepcopy(second.model)
    cfg.decode_head.update(step_sizes=[2], num_classes=3)
    old = MODELS.build(cfg).eval()
    old.load_state_dict(before)
    images = torch.randn(2, 3, 32, 32)
    model.eval()
    logits, old_logits = model(images), old(images)
    assert logits.shape[1] == 5 and old_logits.shape[1] == 4
    assert torch.equal(logits[:, 1:3], old_logits[:, 1:3])
    assert (
        model.inference(
            images, [dict(ori_shape=(32, 32), img_shape=(32, 32))] * 2
        ).shape[1]
        == 4
    )


@pytest.mark.slow
def test_a_step_starts_from_the_unknown_class(second):
    runner = Runner.from_cfg(second)
    hook = next(h for h in runner.hooks if isinstance(h, IncrementalClassifierInitHook))
    hook.before_train(runner)
    model = runner.model.eval()
    logits = model(torch.randn(2, 3, 32, 32))
    assert torch.equal(logits[:, 3], logits[:, 4])


@pytest.mark.slow
def test_resumed_is_whole(second, whole_and_resumed):
    second.model.decode_head.dropout_ratio = 0.5
    (whole, record), (resumed, rest) = whole_and_resumed(second)
    state = resumed.model.state_dict()
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert record.losses[-2:] == rest.losses[-2:]
    assert record.metrics == rest.metrics


def _trained(cfg, launcher, batch_size):
    cfg = copy.deepcopy(cfg)
    cfg.launcher, cfg.experiment_name = launcher, f'{launcher}_trained'
    cfg.work_dir += f'_{launcher}'
    cfg.train_dataloader.batch_size = batch_size
    prepare_cpu_processes(cfg)
    runner = Runner.from_cfg(cfg)
    runner.train()
    state = bare_model(runner.model).state_dict()
    return {k: v.numpy() for k, v in state.items()}


@pytest.mark.slow
def test_two_processes_are_one(second, in_two_processes):
    """Statistics are fixed, so that halves of a batch are the batch."""
    second.model.decode_head.dropout_ratio = 0.0
    inner = second.train_dataloader.dataset.dataset
    inner.pipeline = [t for t in inner.pipeline if not t.type.startswith('Random')]
    want = _trained(second, 'none', 4)
    for found in in_two_processes(_trained, second, 'pytorch', 2):
        assert found.keys() == want.keys()
        for key, value in want.items():
            np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_all_steps_and_a_test_by_the_tools(ssul, run_tool, tmp_path):
    path = tmp_path / 'ssul.py'
    ssul.dump(path)
    done = run_tool('train.py', path)
    assert done.returncode == 0, done.stdout
    done = run_tool('test.py', path, '--stage', 'step_1')
    assert done.returncode == 0 and 'old' in done.stdout, done.stdout
    first = Path(ssul.work_dir, 'step_0', 'iter_6.pth')
    done = run_tool('test.py', path, first, '--stage', 'step_1')
    assert done.returncode == 1 and 'does not fit the model' in done.stdout, done.stdout


@pytest.mark.parametrize('steps', [[2], [2, 1]])
def test_a_frozen_backbone_drops_no_path(ssul, steps):
    cfg = ssul.model
    cfg.backbone = dict(
        type='MixVisionTransformer',
        embed_dims=8,
        num_layers=[1, 1, 1, 1],
        num_heads=[1, 2, 2, 4],
        drop_path_rate=0.5,
    )
    cfg.decode_head.update(step_sizes=steps, num_classes=1 + sum(steps))
    torch.manual_seed(0)
    model = MODELS.build(cfg).train()
    images = torch.randn(4, 3, 32, 32)
    first, second = (model.extract_feat(images)[-1] for _ in range(2))
    assert torch.equal(first, second) == (len(steps) == 2)


def test_what_does_not_fit(ssul):
    cfg = ssul.model
    with pytest.raises(AttributeError, match='has no teacher: add dict'):
        later = copy.deepcopy(cfg)
        later.decode_head.update(step_sizes=[1, 1])
        model = MODELS.build(later)
        images = torch.zeros(2, 3, 8, 8)
        label = PixelData(data=torch.zeros(1, 8, 8, dtype=torch.long))
        model.loss(images, [SegDataSample(gt_sem_seg=label)] * 2)
    with pytest.raises(ValueError, match='step_sizes'):
        MODELS.build(dict(cfg, decode_head=dict(cfg.decode_head, num_classes=4)))
    with pytest.raises(ValueError, match='threshold'):
        MODELS.build(dict(cfg, threshold=2))
    cfg.decode_head.type = 'ASPPHead'
    cfg.decode_head.pop('step_sizes')
    with pytest.raises(ValueError, match='needs a StepBranchHead'):
        MODELS.build(cfg)


def test_a_later_step_without_its_old_model_is_told_before_training(second):
    second.custom_hooks = []
    with pytest.raises(ValueError, match='UnknownClassEncoderDecoder has no teacher'):
        ProtocolRunner(second).run()


def test_another_start_of_branches_is_told_before_training(ssul):
    ssul.protocol.classifier_init = 'random'
    with pytest.raises(ValueError, match="step_1: .*set protocol.* to 'unknown'"):
        ProtocolRunner(ssul).run()


def test_missing_saliency_maps_are_told_before_training(ssul):
    saliency = ssul.train_dataloader.dataset.dataset.pipeline[2]['saliency']
    Path(saliency['folder'], 'train_005.png').unlink()
    with pytest.raises(FileNotFoundError, match='image train_005 has no saliency map'):
        ProtocolRunner(ssul).run('step_0')
    saliency['folder'] = 'gone'
    with pytest.raises(FileNotFoundError, match='no folder of saliency maps gone'):
        ProtocolRunner(ssul).run('step_0')
