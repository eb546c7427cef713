r"""Time of a step from image-level labels against the passes of its network.

``passes`` is a training pass of the network with its losses on given labels and,
without gradient, the passes over three sizes of the images and their mirror images.
``maps`` is the training step without refinement: it makes activation maps of these
passes, and labels of the maps. ``all maps`` is the same with the maps of all classes,
as AFA's code makes them, in place of those of the images. ``refined`` is the step of
the config. The figures are medians, the ratios those of each round's neighbors.

Example:
    python tools/benchmarks/image_level_step.py configs/afa/mit-b1_voc.py --size 512 \
        --batch-size 2 --max-ratio 1.1
"""

import argparse
import copy
import statistics
from collections.abc import Callable
from typing import Any

from benchmark_parsers import step_parser


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = step_parser(__doc__, size=128, repeat=5)
    parser.add_argument('config', help='config of an ImageLevelEncoderDecoder')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from step_timing import (
    check_ratio,
    print_peaks,
    random_batch,
    times_in_turns,
    training_step,
)
from torch import Tensor, nn

import mmseg_labelfree  # noqa: F401

CLASSES_OF_AN_IMAGE = 2  # VOC: 1.55 on average


def build(model: Config, args: argparse.Namespace, refined: bool) -> Any:
    """The segmentor with random weights, beyond the classifier's own iterations."""
    cfg = copy.deepcopy(model)
    cfg.backbone.init_cfg = None
    cfg.classifier_iters = 0
    if not refined:
        cfg.pseudo_labels.refinement = None
    torch.manual_seed(0)
    return revert_sync_batchnorm(MODELS.build(cfg)).to(args.device)


class Passes(nn.Module):
    """The passes of a step alone, as a model.

    Args:
        model: The segmentor.
        images: ``(N, 3, H, W)``.
        labels: int64 ``(N, H, W)``, which its heads learn.
    """

    def __init__(self, model: Any, images: Tensor, labels: Tensor) -> None:
        super().__init__()
        self.model, self.labels = model, labels
        self.parse_losses = model.parse_losses
        self.views = [
            torch.cat([x, x.flip(3)])
            for x in (F.interpolate(images, scale_factor=s) for s in model.scales)
        ]

    def loss(self, images: Tensor, data_samples: list) -> dict[str, Tensor]:
        """Losses of the heads; the other passes have none."""
        model = self.model
        features, attention = model.encode(images)
        truth = model.truth(data_samples).to(images.device)
        losses = model.image_head.loss(features, truth)
        losses.update(model.segmentation_losses(features, self.labels))
        losses.update(model.affinity_losses(features, attention, self.labels))
        with torch.no_grad():
            for view in self.views:
                model.image_head.activations(model.encode(view)[0])
        return losses


def make_steps(args: argparse.Namespace) -> dict[str, Callable[[], None]]:
    """The four steps, on one batch."""
    cfg = Config.fromfile(args.config).model
    torch.manual_seed(0)
    images, samples = random_batch(args)
    classes = torch.arange(cfg.image_head.num_classes) < CLASSES_OF_AN_IMAGE
    for sample in samples:
        size = (args.size, args.size)
        sample.set_metainfo(dict(image_labels=classes.numpy(), img_shape=size))
    labels = torch.stack([sample.gt_sem_seg.data[0] for sample in samples])
    plain = build(cfg, args, refined=False)
    every = build(cfg, args, refined=False)
    every.every_class = True
    models = {
        'passes': Passes(build(cfg, args, refined=False), images, labels),
        'maps': plain,
        'all maps': every,
        'refined': build(cfg, args, refined=True),
    }
    batch = images, samples
    return {name: training_step(model, batch) for name, model in models.items()}


def main() -> None:
    """Time the four in turns and print the ratios, or print their memory."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    init_default_scope('mmseg')
    MessageHub.get_current_instance().update_info('iter', 1)
    steps = make_steps(args)
    if args.memory:
        return print_peaks(steps, args)
    times = times_in_turns(steps, args)
    ratios = {}
    for name, values in times.items():
        pairs = zip(values, times['passes'], strict=True)
        ratios[name] = statistics.median(a / b for a, b in pairs)
        median = 1000 * statistics.median(values)
        print(f'{name:9s} {median:8.1f} ms, {ratios[name]:.3f} of the passes')
    check_ratio(ratios['maps'], args)


if __name__ == '__main__':
    main()
