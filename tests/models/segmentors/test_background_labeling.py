import copy
import math

import pytest
import torch
import torch.nn.functional as F
from mmengine.runner import Runner
from mmseg.registry import MODELS
from torch.testing import assert_close

from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.models.losses import LocalPODLoss
from mmseg_labelfree.ops import softmax_entropy
from mmseg_labelfree.utils.distributed import bare_model, prepare_cpu_processes


@pytest.fixture
def second(plop):
    """The config of step 1 of PLOP, after a step 0."""
    runner = ProtocolRunner(plop)
    runner.run('step_0')
    return runner.stage('step_1').cfg


def first_batch(runner):
    batch = next(iter(runner.train_dataloader))
    return runner.model.data_preprocessor(batch, True)


@pytest.mark.slow
def test_step_is_the_equations(second):
    """Loss and gradients of a whole step, written out."""
    second.model.least_threshold = 0.0
    runner = Runner.from_cfg(second)
    runner.train()
    model, teacher = runner.model.double(), runner.model.teacher.double()
    batch = first_batch(runner)
    images, samples = batch['inputs'].double(), batch['data_samples']
    thresholds = model.thresholds
    losses = model.loss(images, samples)
    total = losses['decode.loss_ce'] + losses['distill.loss_local_pod']
    model.zero_grad()
    total.backward()
    found = [p.grad.clone() for p in model.parameters() if p.grad is not None]

    def levels(network):
        """Stages before their last ReLU: what goes into it is what is added up."""
        x, outputs, backbone = images, [], network.backbone
        x = backbone.maxpool(backbone.stem(x))
        for name in backbone.res_layers:
            *blocks, last = getattr(backbone, name)
            for block in blocks:
                x = block(x)
            identity = x if last.downsample is None else last.downsample(x)
            out = last.relu(last.norm1(last.conv1(x)))
            before = last.norm2(last.conv2(out)) + identity
            outputs.append(before)
            x = before.relu()
        head = network.decode_head
        out = head.conv_cat(torch.cat([x, head.convs(x)], 1))
        return [*outputs, out, head.conv_seg(out)]

    student, old = levels(model), [x.detach() for x in levels(teacher)]
    kd = LocalPODLoss()(student, old)
    size = images.shape[2:]
    big = F.interpolate(student[-1], size, mode='bilinear', align_corners=False)
    big_old = F.interpolate(old[-1], size, mode='bilinear', align_corners=False)
    entropy = softmax_entropy(big_old) / math.log(3)
    ce = 0
    for n, sample in enumerate(samples):
        label = sample.gt_sem_seg.data[0]
        classes = big_old[n].argmax(0)
        background = label == 0
        sure = background & (entropy[n] < thresholds[classes])
        target = torch.where(background, torch.where(sure, classes, 255), label)
        share = sure.sum() / (background.sum() + 1e-6)
        pixels = F.cross_entropy(
            big[n][None], target[None], ignore_index=255, reduction='none'
        )
        ce = ce + share * pixels.sum()
    want = ce / (len(samples) * size.numel()) + kd
    assert_close(total, want, rtol=1e-5, atol=1e-8)
    model.zero_grad()
    want.backward()
    wanted = [p.grad for p in model.parameters() if p.grad is not None]
    for one, other in zip(found, wanted, strict=True):
        assert_close(one, other, rtol=1e-5, atol=1e-8)


def without_augmentation(cfg):
    inner = cfg.train_dataloader.dataset.dataset
    inner.pipeline = [
        t for t in inner.pipeline if t.type not in ('RandomCrop', 'RandomFlip')
    ]


def _thresholds(cfg, launcher):
    cfg = copy.deepcopy(cfg)
    cfg.launcher, cfg.experiment_name = launcher, f'{launcher}_thresholds'
    cfg.train_cfg.update(max_iters=1, val_interval=9)
    prepare_cpu_processes(cfg)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return bare_model(runner.model).thresholds.tolist()


@pytest.mark.slow
def test_processes_have_the_thresholds_of_one(second, in_two_processes):
    second.model.least_threshold = 0.0
    without_augmentation(second)
    want = _thresholds(second, 'none')
    assert in_two_processes(_thresholds, second, 'pytorch') == [want] * 2


@pytest.mark.slow
def test_median_of_the_background(second):
    second.model.least_threshold = 0.0
    without_augmentation(second)  # so that a pass is the same each time
    runner = Runner.from_cfg(second)
    runner.train()
    values = [[], [], []]
    dataset = runner.train_dataloader.dataset
    for index in range(len(dataset)):
        item = dataset[index]
        batch = dict(inputs=[item['inputs']], data_samples=[item['data_samples']])
        batch = runner.model.data_preprocessor(batch, True)
        teacher = runner.model.teacher
        logits = teacher(batch['inputs'], mode='tensor').detach()
        logits = F.interpolate(logits, (32, 32), mode='bilinear', align_corners=False)
        entropy, classes = softmax_entropy(logits)[0] / math.log(3), logits[0].argmax(0)
        background = batch['data_samples'][0].gt_sem_seg.data[0] == 0
        for c in range(3):
            values[c].append(entropy[background & (classes == c)])
    for c, found in enumerate(runner.model.thresholds.tolist()):
        every = torch.cat(values[c])
        want = every.median().item() if len(every) else 0
        assert found == pytest.approx(want, abs=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize('thresholds', ['median', 'official'])
def test_resumed_is_whole(second, whole_and_resumed, thresholds):
    second.model.thresholds = thresholds
    (whole, _), (resumed, _) = whole_and_resumed(second)
    assert torch.equal(whole.model.thresholds, resumed.model.thresholds)
    state = resumed.model.state_dict()
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, state[key]), key


def test_thresholds_are_asked_for(incremental):
    cfg = incremental.model
    cfg.type = 'BackgroundLabelingEncoderDecoder'
    model = MODELS.build(cfg)
    with pytest.raises(RuntimeError, match='has no thresholds: add dict'):
        model.targets([], dict(logits=torch.zeros(1)))
    with pytest.raises(ValueError, match='step_1: .* add dict.type=.EntropyThres'):
        ProtocolRunner(incremental).run()
    cfg.thresholds = 'mean'
    with pytest.raises(ValueError, match='thresholds'):
        MODELS.build(cfg)


def test_losses_that_weigh_no_pixels_are_refused(incremental):
    cfg = incremental.model
    cfg.type = 'BackgroundLabelingEncoderDecoder'
    for name in ('DiceLoss', 'ImagePresenceLoss'):
        cfg.decode_head.loss_decode = dict(type=name)
        with pytest.raises(ValueError, match=f'weighs pixels, which {name} cannot'):
            MODELS.build(cfg)
