"""Whole training steps on a GPU that is not there: torch computes shapes only."""

import copy
import random
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn
from torch._subclasses import fake_tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.models.teachers import (
    WeightAverage,
    copy_student,
    ramped_momentum,
)

if not hasattr(fake_tensor, 'unset_fake_temporarily'):
    pytest.skip('torch 2.1 fakes no GPU without a driver', allow_module_level=True)

CONFIGS = Path(__file__).parents[2] / 'configs'
aten = torch.ops.aten
WAITS = {
    aten._local_scalar_dense: lambda x: 1,  # item(), bool(), float()
    aten.is_nonzero: lambda x: True,
    aten.equal: lambda x, y: False,
    # How many are found is known to the device alone; here four are.
    aten.nonzero: lambda x: x.new_empty(4, x.dim(), dtype=torch.int64),
    aten.bincount: lambda x, weights=None, least=4: x.new_empty(least),
    aten.masked_select: lambda x, mask: x.new_empty(4),
}


class Rules(TorchDispatchMode):
    """Notes what waits for the device, and float64 on it, which not all have.

    Tensors of the CPU are real ones.
    """

    def __init__(self, device):
        super().__init__()
        self.device = device
        self.faults = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name, kwargs = func.overloadpacket, kwargs or {}
        used = self.on_device(args, kwargs)
        if not used and torch.device(kwargs.get('device') or 'cpu').type == 'cpu':
            with fake_tensor.unset_fake_temporarily():
                return func(*args, **kwargs)
        if used and name in WAITS:
            self.note(f'waits: {name}')
            return WAITS[name](*args)
        if name in (aten.index, aten.index_put, aten.index_put_):
            if any(i is not None and i.dtype == torch.bool for i in args[1]):
                self.note(f'waits: {name} by a mask')
                args = (args[0], [*some_places(args[1])], *args[2:])
        out = func(*args, **kwargs)
        if name in (aten._to_copy, aten.copy_) and used and not self.on_device(out):
            self.note(f'waits: {name} to the CPU')
        if any(x.dtype == torch.float64 for x in self.on_device(out)):
            self.note(f'float64: {name}')
        return out

    def on_device(self, *values):
        tensors = (x for x in tree_flatten(values)[0] if isinstance(x, torch.Tensor))
        return [x for x in tensors if x.device.type == self.device]

    def note(self, fault):
        """Remember a fault, unless it is the one of MMSegmentation's log: acc_seg."""
        calls = [call.name for call in traceback.extract_stack()]
        if 'accuracy' not in calls:
            self.faults.append(fault)


def some_places(indices):
    for index in indices:
        if index is None or index.dtype != torch.bool:
            yield index
        else:
            yield from index.new_empty(index.dim(), 4, dtype=torch.int64)


def move(model, device):
    """Give the model empty tensors of a device in place of its own."""

    def fake(value):
        return torch.empty(value.shape, dtype=value.dtype, device=device)

    for module in model.modules():
        for name, value in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(fake(value), value.requires_grad))
        for name, value in module.named_buffers(recurse=False):
            setattr(module, name, fake(value))
    if hasattr(model, 'data_preprocessor'):
        model.data_preprocessor.to(device)
    if getattr(model, 'thresholds', None) is not None:
        model.thresholds = fake(model.thresholds)


def stage(path, name=None):
    cfg = Config.fromfile(CONFIGS / path)
    if name is None:
        return cfg
    cfg.work_dir = 'never_written'
    return ProtocolRunner(cfg).stage(name).cfg


def samples(sources, size, **metainfo):
    for source in sources:
        label = torch.full((1, *size), 255 if source in ('unlabeled', 'target') else 1)
        sample = SegDataSample(gt_sem_seg=PixelData(data=label))
        sample.set_metainfo(dict(metainfo, img_shape=size, source=source))
        yield sample


FAMILIES = {
    'MiB': ('mib/demo_voc_15-1.py', 'step_1', [None] * 4, []),
    # Its pass over the images before the training counts pixels.
    'PLOP': (
        'plop/demo_voc_15-1.py',
        'step_1',
        [None] * 4,
        ['waits: aten.bincount'],
    ),
    'SSUL': ('ssul/demo_voc_15-1.py', 'step_1', [None] * 4, []),
    'mean teacher': (
        'u2pl/demo_voc_40_meanteacher.py',
        None,
        ['labeled', 'unlabeled'] * 2,
        [],
    ),
    'CutMix': ('u2pl/demo_voc_40_cutmix.py', None, ['labeled', 'unlabeled'] * 2, []),
    'UniMatch': ('unimatch/demo_voc_40.py', None, ['labeled', 'unlabeled'] * 2, []),
    'UniMatch V2': (
        'unimatch_v2/dpt_dinov2-s_voc-classic_92.py',
        None,
        ['labeled', 'unlabeled'] * 2,
        [],
    ),
    # The bank must know how many rows it is given; see `push_rows_`.
    'U2PL+': (
        'u2pl/demo_voc_40.py',
        None,
        ['labeled', 'unlabeled'] * 2,
        ['waits: aten.nonzero'],
    ),
    "U2PL's code": (
        'u2pl/deeplabv3_mobilenetv2_vocreal_1-16_u2pl_official.py',
        None,
        ['labeled', 'unlabeled'] * 2,
        ['waits: aten.nonzero'],
    ),
    'DAFormer, MIC and U2PL+': (
        'daformer/daformer_mit-b5_gta2cityscapes_u2pl.py',
        None,
        ['source', 'target'] * 2,
        ['waits: aten.nonzero'],
    ),
    'SePiCo': (
        'daformer/demo_voc_plain2dusk_sepico.py',
        None,
        ['source', 'target'] * 2,
        [],
    ),
    'EUMS': ('eums/demo_voc_fold0.py', 'eums', ['base', 'clean', 'unclean'] * 2, []),
    'STRICT': ('strict/demo_voc_15-5.py', 'round_1', [None] * 4, []),
    'IDDC': ('iddc/mobilenetv2_demo_voc.py', None, [None] * 4, []),
    'AFA': ('afa/mit-b1_voc.py', None, [None] * 2, []),
    # Its bank, too, must know how many rows it is given.
    'U2PL+ on AFA': (
        'afa/mit-b1_voc_u2pl.py',
        None,
        [None] * 2,
        ['waits: aten.nonzero'],
    ),
    'MiB with points': ('mib/demo_voc_points.py', None, [None] * 4, []),
    'ILT': ('mib/demo_voc_15-1_ilt.py', 'step_1', [None] * 4, []),
    'LwF-MC': ('mib/demo_voc_15-1_lwf-mc.py', 'step_1', [None] * 4, []),
    "PLOP's code": (
        'plop/demo_voc_15-1.py',
        'step_1',
        [None] * 4,
        ['waits: aten.bincount'],
    ),
}


# Autograd starts its threads with the first backward pass, one for each device there
# is. Fake tensors pretend that there is one, and a process with such a thread can't be
# forked, as other tests do; so the first pass comes before them.
torch.ones(1, requires_grad=True).sum().backward()


@pytest.fixture(autouse=True)
def late():
    """An iteration after every warm-up."""
    hub = MessageHub.get_current_instance()
    before = dict(hub.runtime_info)
    hub.update_info_dict(dict(iter=7500, max_iters=10000, epoch=0, max_epochs=1))
    yield
    hub.runtime_info.clear()
    hub.runtime_info.update(before)


@pytest.fixture
def learner(request):
    """Model and batch of a family's configuration; and what waits must be there."""
    torch.manual_seed(0)  # weights and images are the same whatever ran before
    path, name, sources, expected = FAMILIES[request.param]
    size, metainfo = (96, 96), {}
    if request.param == 'IDDC':
        size, metainfo = (192, 96), dict(crop_overlap=((0, 0, 48, 96), (48, 0, 96, 96)))
    if 'points' in request.param:
        metainfo = dict(image_classes=(0, 1, 5))
    if 'AFA' in request.param:
        metainfo = dict(image_labels=np.arange(20) < 2, box=(8, 96, 0, 80))
    cfg = stage(path, name).model
    if request.param == "U2PL's code":
        cfg.decode_head.sampler = dict(type='HardPixelSampler', min_kept=100)
    if request.param == "PLOP's code":
        cfg.thresholds = 'official'
    if request.param == 'UniMatch V2':
        size = (98, 98)
        arch = dict(embed_dims=24, num_layers=4, num_heads=2, feedforward_channels=8)
        cfg.backbone.update(arch=arch, out_indices=[0, 1, 2, 3], init_cfg=None)
        cfg.decode_head.in_channels = [24] * 4
    if request.param.startswith('DAFormer'):
        cfg.backbone.update(num_layers=[1, 1, 1, 1], init_cfg=None)
        cfg.update(ignore_rows=(2, 10), masked_view=dict(block_size=32))
        cfg.memory_bank.update(length=1000, background_length=1000)
    model = MODELS.build(cfg).train()
    if getattr(model, 'feature_distance', None) is not None:
        model.feature_distance.set_encoder(copy.deepcopy(model.backbone))
    if name == 'step_1':  # the model of fewer classes before it
        earlier = MODELS.build(stage(path, 'step_0').model)
        model.set_teacher(earlier.requires_grad_(False))
    elif hasattr(model, 'set_teacher'):
        model.set_teacher(copy_student(model, getattr(model, 'not_in_teacher', ())))
    if hasattr(model, 'set_counts'):
        model.set_counts(model.new_counts())
    images = [torch.zeros(3, *size, dtype=torch.uint8) for _ in sources]
    data = dict(inputs=images, data_samples=[*samples(sources, size, **metainfo)])
    return model, data, expected


@pytest.mark.parametrize('learner', FAMILIES, indirect=True)
@pytest.mark.parametrize('precision', [None, torch.float16, torch.bfloat16])
def test_a_step_neither_waits_nor_leaves_the_device(learner, precision, monkeypatch):
    """All but the backward passes, for which torch asks the driver.

    That of the step, and those within strips, whose gradients are made up.
    """
    model, data, expected = learner
    monkeypatch.setattr(
        torch.autograd, 'grad', lambda _, parts: [torch.zeros_like(p) for p in parts]
    )
    models = [model, model.teacher] if hasattr(model, 'set_teacher') else [model]
    with FakeTensorMode(allow_non_fake_inputs=True), Rules('cuda') as rules:
        for each in models:
            move(each, 'cuda')
            if getattr(each, 'feature_distance', None) is not None:
                move(each.feature_distance.encoder, 'cuda')
        with monkeypatch.context() as gpu:
            gpu.setattr(torch.cuda, 'is_available', lambda: True)
            gpu.setattr(torch.cuda, 'is_bf16_supported', lambda: True)
            autocast = torch.autocast('cuda', precision, enabled=precision is not None)
        with autocast:
            batch = model.data_preprocessor(data, True)
            if hasattr(model, 'set_counts'):
                model.set_counts(model.new_counts() + model.count(**batch))
            losses = model(**batch, mode='loss')
        loss, logged = model.parse_losses(losses)
        trained = [p for p in model.parameters() if p.requires_grad]
        for parameter in trained:
            parameter.grad = torch.empty_like(parameter)
        torch.optim.SGD(trained, lr=0.1, momentum=0.9).step()
        # Not SSUL's classifier and PLOP's smaller model, which stay as they are.
        if len(models) == 2 and vars(models[1]).get('num_classes') == model.num_classes:
            overflow = torch.zeros((), device='cuda') > 0  # of a fused optimizer
            updates = torch.zeros((), dtype=torch.int64, device='cuda')
            WeightAverage(*models).update(0.9)
            WeightAverage(*models).update(ramped_momentum(updates, 0.9), overflow)
    assert loss.requires_grad and loss.dtype == torch.float32
    assert all(value.is_cuda for value in logged.values())
    assert rules.faults == expected


class FullSize(TorchDispatchMode):
    """Notes tensors of many channels at the size of the images."""

    def __init__(self, size):
        super().__init__()
        self.size = size
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for x in tree_flatten(out)[0]:
            if isinstance(x, torch.Tensor) and x.shape[-2:] == self.size:
                if x.dim() == 4 and x.shape[1] > 4:
                    self.found.append(f'{func.overloadpacket} {tuple(x.shape)}')
        return out


@pytest.mark.parametrize(
    'learner',
    [
        'MiB',
        'PLOP',
        'SSUL',
        'CutMix',
        'UniMatch',
        'U2PL+',
        "U2PL's code",
        'EUMS',
        'STRICT',
    ],
    indirect=True,
)
def test_no_map_of_all_classes_has_the_size_of_the_images(learner, monkeypatch):
    """In any operation of a step, teacher and backward pass included."""
    monkeypatch.setattr('mmseg_labelfree.ops.strips.CPU_STRIP', 2**16)
    model, data, _ = learner
    with FullSize((96, 96)) as seen:
        losses = model(**model.data_preprocessor(data, True), mode='loss')
        model.parse_losses(losses)[0].backward()
    assert not seen.found


# U2PL+ does what a mean teacher, CutMix and DAFormer do.
@pytest.mark.slow
@pytest.mark.parametrize(
    'learner', ['MiB', 'U2PL+', 'EUMS', 'STRICT', 'IDDC', 'AFA'], indirect=True
)
def test_a_compiled_step_is_not_compiled_again(learner):
    """As MMEngine's ``compile=dict(backend=...)`` does it, with other batches."""
    compiler = pytest.importorskip('torch._dynamo')
    model, data, _ = learner
    hub = MessageHub.get_current_instance()
    model.forward = torch.compile(model.forward, backend='eager')
    compiler.reset()
    draws = random.Random(0)
    for iteration in range(8):
        hub.update_info('iter', 1500 + iteration)
        batch = [*zip(data['inputs'], data['data_samples'], strict=True)]
        draws.shuffle(batch)
        images = [torch.randint_like(image, 255) for image, _ in batch]
        samples = [copy.deepcopy(sample) for _, sample in batch]
        for sample in samples:
            sample.set_metainfo(dict(img_path=f'{draws.random()}.jpg'))
            labels = sample.gt_sem_seg.data
            labels[labels != 255] = draws.randrange(3)
        changed = dict(inputs=images, data_samples=samples)
        # Other numbers of negatives, say, are met in the first iterations.
        with compiler.config.patch(error_on_recompile=iteration > 3):
            losses = model(**model.data_preprocessor(changed, True), mode='loss')
        model.parse_losses(losses)[0].backward()
    compiler.reset()


def test_the_rules_see_what_is_forbidden():
    with FakeTensorMode(allow_non_fake_inputs=True), Rules('cuda') as rules:
        x = torch.zeros(3, 3, device='cuda')
        x.sum().item(), x.cpu(), x[x > 0], x.nonzero(), x.double()
        bool(x.any()), torch.bincount(x[0].long())
    waits = [fault.split(' ')[1] for fault in rules.faults]
    assert waits == [
        'aten._local_scalar_dense',
        'aten._to_copy',
        'aten.index',
        'aten.nonzero',
        'aten._to_copy',
        'aten._local_scalar_dense',
        'aten.bincount',
    ]
    assert rules.faults[4] == 'float64: aten._to_copy'
