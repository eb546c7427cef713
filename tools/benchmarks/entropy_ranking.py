"""Time of ranking images by entropy, against their plain inference.

Plain inference is the same model on the same batches of the same loader, up to the
labels at image size. The two take turns, so that other work on the machine meets both.

    python tools/benchmarks/entropy_ranking.py
    python tools/benchmarks/entropy_ranking.py --images 256 --size 512 --depth 50
"""

import argparse
import time


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=int, default=256)
    parser.add_argument('--size', type=int, default=96)
    parser.add_argument('--depth', type=int, default=18)
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--repeats', type=int, default=7)
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch.utils.data import DataLoader, Dataset

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.engine.jobs.image_entropy import score_images
from mmseg_labelfree.ops import rank_and_split

NUM_KNOWN, NUM_CLASSES = 16, 26


class Images(Dataset):
    """Random images whose middle is novel."""

    def __init__(self, number: int, size: int) -> None:
        self.number = number
        rng = np.random.default_rng(0)
        image = rng.integers(0, 256, (3, size, size), np.uint8)
        self.image = torch.from_numpy(image)
        self.labels = torch.zeros(1, size, size, dtype=torch.long)
        self.labels[:, size // 4 : -size // 4, size // 4 : -size // 4] = NUM_KNOWN

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, index: int) -> dict:
        """A sample as PackSegInputs makes it."""
        sample = SegDataSample(gt_sem_seg=PixelData(data=self.labels))
        shape = self.labels.shape[1:]
        sample.set_metainfo(dict(img_shape=shape, ori_shape=shape))
        return dict(inputs=self.image, data_samples=sample)


def build_model(depth: int) -> EncoderDecoder:
    """DeepLabV3 with output stride 8; depth 18 is the thin one of the demo."""
    thin = depth == 18
    model = dict(
        type='EncoderDecoder',
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            mean=[123.0] * 3,
            std=[58.0] * 3,
            test_cfg=dict(size_divisor=8),
        ),
        backbone=dict(
            type='ResNetV1c',
            depth=depth,
            out_indices=(3,),
            strides=(1, 2, 1, 1),
            dilations=(1, 1, 2, 4),
            base_channels=16 if thin else 64,
            stem_channels=16 if thin else 64,
        ),
        decode_head=dict(
            type='ASPPHead',
            in_channels=128 if thin else 2048,
            channels=48 if thin else 256,
            num_classes=NUM_CLASSES,
            dilations=(1, 12, 24, 36),
            align_corners=False,
            norm_cfg=dict(type='BN'),
        ),
        test_cfg=dict(mode='whole'),
    )
    return MODELS.build(model).to(get_device()).eval()


@torch.no_grad()
def plain_inference(model: EncoderDecoder, dataset: Dataset, batch_size: int) -> int:
    """Predict the labels of all images; returns the pixels of class 0."""
    total = torch.zeros((), dtype=torch.long, device=next(model.parameters()).device)
    for batch in DataLoader(dataset, batch_size, collate_fn=pseudo_collate):
        batch = model.data_preprocessor(batch, False)
        metas = [sample.metainfo for sample in batch['data_samples']]
        labels = model.encode_decode(batch['inputs'], metas).argmax(1)
        total += (labels == 0).sum()
    return int(total)


def main() -> None:
    """Print both times and their ratio."""
    args = parse_args()
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = build_model(args.depth)
    dataset = Images(args.images, args.size)
    indices = range(args.images)

    def rank() -> None:
        scores = score_images(model, dataset, indices, NUM_KNOWN, args.batch_size)
        rank_and_split(scores, 0.67)

    jobs = dict(
        inference=lambda: plain_inference(model, dataset, args.batch_size), ranking=rank
    )
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for repeat in range(args.repeats + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if repeat:  # the first round warms up
                times[name].append(time.perf_counter() - start)
    for name, values in times.items():
        per_image = 1000 * np.median(values) / args.images
        print(
            f'{name}: {per_image:.2f} ms an image, '
            f'{per_image * 10:.0f} s for 10000 images'
        )
    ratios = np.array(times['ranking']) / np.array(times['inference'])
    print(f'ranking / inference: {np.median(ratios):.3f}')


if __name__ == '__main__':
    main()
