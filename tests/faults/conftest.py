"""Tools in processes of their own, forked so that they need not import everything."""

import json
import multiprocessing
import os
import runpy
import signal
import sys
from pathlib import Path

import pytest
import torch
from mmseg.registry import MODELS

from mmseg_labelfree.utils.checkpoint import load_checkpoint

from ..method_settings import CROSS_DOMAIN

TOOLS = Path(__file__).parents[2] / 'tools'


class At:
    """Audit hook that sends this process a signal at its n-th event of a kind.

    Args:
        number: Which event, from 1 on.
        event: Kind of event, see Python's table; None for any.
        part: Text in the event's first argument.
        after: Whether to wait for the event that follows.
        signal_number: The signal.
    """

    def __init__(
        self, number, event=None, part='', after=False, signal_number=signal.SIGKILL
    ):
        self.left = number
        self.event = event
        self.part = part
        self.after = after
        self.signal_number = signal_number

    def __call__(self, event, args):
        if self.left == 0 and self.after:
            self.left = -1
            os.kill(os.getpid(), self.signal_number)
        if self.left <= 0 or self.event not in (None, event):
            return
        if self.part not in (str(args[0]) if args else ''):
            return
        self.left -= 1
        if self.left == 0 and not self.after:
            os.kill(os.getpid(), self.signal_number)


class Tool(multiprocessing.get_context('fork').Process):
    """A tool with arguments, whose output goes into a file.

    Args:
        log: The file.
        prepare: Is called in the process before the tool.
        arguments: Name of the tool and its arguments.
    """

    def __init__(self, log, prepare, *arguments):
        super().__init__()
        self.log = Path(log)
        self.prepare = prepare
        self.arguments = [str(a) for a in arguments]

    def run(self):
        stream = open(self.log, 'w', buffering=1)  # noqa: SIM115
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        sys.stdout = sys.stderr = stream
        sys.argv = self.arguments
        torch.set_num_threads(1)
        if self.prepare:
            self.prepare()
        runpy.run_path(str(TOOLS / self.arguments[0]), run_name='__main__')

    def end(self):
        """Wait for the end; exit code and output."""
        self.join()
        return self.exitcode, self.log.read_text()


@pytest.fixture
def start(tmp_path):
    """Start a tool: ``start('train.py', path, ..., prepare=None)``."""
    started = []

    def run(*arguments, prepare=None):
        tool = Tool(tmp_path / f'tool_{len(started)}.log', prepare, *arguments)
        started.append(tool)
        tool.start()
        return tool

    yield run
    for tool in started:
        if tool.is_alive():
            tool.kill()
        tool.join()


@pytest.fixture
def train(start):
    """Run ``tools/train.py`` to its end; exit code and output."""

    def run(*arguments, at=None):
        prepare = None if at is None else lambda: sys.addaudithook(at)
        return start('train.py', *arguments, prepare=prepare).end()

    return run


@pytest.fixture
def written(tmp_path):
    """Write a config to a file."""

    def write(cfg, name='config.py'):
        path = tmp_path / name
        path.write_text(cfg.pretty_text)
        return path

    return write


FILES = (  # of jobs and hooks
    *('regions/*.npz', 'scores/*.npz', 'labels/*.png'),
    *('clean.txt', 'unclean.txt', 'images.txt', 'left_out.txt'),
)


def results(work):
    """Weights, optimizer and metrics of all stages, and the files of the jobs."""
    found = {}
    for path in sorted(work.rglob('*')):
        name = str(path.relative_to(work))
        if path.suffix == '.pth':
            checkpoint = load_checkpoint(path)[0]
            optimizer = checkpoint.get('optimizer', dict(state=None))  # weights alone
            found[name] = checkpoint['state_dict'], optimizer['state']
        elif path.name == 'finished.json':
            found[name] = json.loads(path.read_text())['metrics']
        elif path.name == 'clusters.json':
            found[name] = json.loads(path.read_text())['train']
        elif any(path.match(pattern) for pattern in FILES):
            found[name] = list(path.read_bytes())
    return found


def assert_exact(work, whole):
    found, expected = results(work), results(whole)
    assert list(found) == list(expected) and len(found) > 0
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert not [*work.rglob('.*.tmp')]


HEAD = dict(type='RepresentationHead', channels=6, dropout_ratio=0.0)
BANK = dict(type='PrototypeMemoryBank', channels=6, length=60)
FEW = dict(num_anchors=8, num_negatives=4)


@pytest.fixture
def daformer(semi, tmp_path):
    """DAFormer, MIC and U2PL+ on the boxes."""
    cfg, weights = semi, tmp_path / 'encoder.pth'
    torch.manual_seed(0)
    torch.save(MODELS.build(cfg.model.backbone).state_dict(), weights)
    cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(weights))
    cfg.model.pop('mixing_prob')
    cfg.model.update(
        type='U2PLEncoderDecoder',
        **CROSS_DOMAIN,
        ignore_rows=(2, 4),
        masked_view=dict(block_size=8),
        feature_distance=dict(type='FeatureDistance', classes=[1, 2], min_ratio=0.3),
        entropy_filter=False,
        denoise=False,
        adaptive_weight=False,
        representation_head=dict(HEAD, in_channels=8),
        memory_bank=dict(BANK, num_classes=5),
        contrastive_loss=dict(
            type='MemoryBankContrastiveLoss', low_rank=1, anchor_threshold=0.1, **FEW
        ),
    )
    sampler = cfg.train_dataloader.sampler
    sampler.rare_class_sampling = dict(labeled=dict(temperature=0.05, min_pixels=10))
    crop = dict(type='RareClassCrop', crop_size=(24, 24), min_pixels=20)
    for source in cfg.train_dataloader.dataset.datasets:
        source.dataset.pipeline[2] = crop
    cfg.custom_hooks[-1].update(momentum=0.9, buffers='own')
    cfg.custom_hooks.append(dict(type='PrototypeMemoryBankHook'))
    return cfg


@pytest.fixture
def afa(tiny):
    """AFA and U2PL+ on the image labels of the boxes, the classifier first."""
    cfg = tiny
    cfg.model.update(
        type='ImageLevelU2PLEncoderDecoder',
        image_head=dict(type='ImageLabelHead', in_channels=32, num_classes=4),
        pseudo_labels=dict(refinement=dict(dilations=(1, 2), iterations=2)),
        classifier_iters=2,
        propagation_begin=4,
        representation_head=dict(HEAD, in_channels=32),
        memory_bank=dict(BANK, num_classes=4, background_length=None),
        contrastive_loss=dict(type='ActivationContrastiveLoss', **FEW),
    )
    cfg.model.decode_head.loss_decode = dict(type='BalancedCrossEntropyLoss')
    images = cfg.train_dataloader.dataset
    images.pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='RandomPlaceCrop', size=(36, 24)),
        dict(type='PackSegInputs', meta_keys=('img_path', 'img_shape', 'box')),
    ]
    cfg.train_dataloader.dataset = dict(type='ImageLabelDataset', dataset=images)
    cfg.custom_hooks.append(dict(type='PrototypeMemoryBankHook'))
    return cfg
