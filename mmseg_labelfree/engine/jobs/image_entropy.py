"""Entropy of a model on the images of a dataset."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmseg.models import EncoderDecoder
from mmseg.models.utils import resize
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from ...ops.collectives import rows_of_all_processes
from ...ops.entropy_ranking import foreground_entropy
from ...utils.distributed import fail_together, own_share
from ...utils.progress import tracked

__all__ = ['is_novel', 'logits_at_labels', 'score_images']


@torch.no_grad()
def score_images(
    model: EncoderDecoder,
    dataset: Dataset,
    indices: Sequence[int],
    num_old_classes: int,
    batch_size: int = 16,
    num_workers: int = 0,
) -> np.ndarray:
    """Compute the foreground entropy of images (EUMS, eq. 6-7), at their maps' size.

    The processes of a distributed run share the work; each gets all results. Batches
    are whole where the pipeline gives all images one size.

    Args:
        model: A segmentor; predicts in eval mode and is put back into its own.
        dataset: Dataset of images without augmentation, and label maps.
        indices: Images to score.
        num_old_classes: Labels from here on, 255 excepted, are the novel pixels.
        batch_size: Images in a batch.
        num_workers: Worker processes of the loader.

    Returns:
        float64 ``(len(indices),)``, NaN for images without a novel pixel.
    """
    places = list(own_share(len(indices)))
    loader = DataLoader(
        Subset(dataset, [int(indices[i]) for i in places]),
        batch_size,
        num_workers=num_workers,
        collate_fn=pseudo_collate,
        generator=torch.Generator(),  # leaves the global one alone
    )

    def score(batch: dict[str, list]) -> Tensor:
        parts = _of_one_size(batch)
        return torch.cat([_entropies(model, part, num_old_classes) for part in parts])

    device = next(model.parameters()).device
    training = model.training
    model.eval()
    what = f'Entropy of {len(indices)} images'
    with fail_together():
        scored = [*tracked(map(score, loader), what, len(loader))]
    model.train(training)
    positions, values = rows_of_all_processes(
        torch.tensor(places, dtype=torch.long, device=device),
        torch.cat([torch.zeros(0, device=device), *scored]),
    )
    result = np.full(len(indices), math.nan)
    result[positions.cpu().numpy()] = values.cpu().numpy()
    return result


def _of_one_size(batch: dict[str, list]) -> list[dict[str, list]]:
    """The batch, or its images one by one if they differ in size."""
    if len({image.shape for image in batch['inputs']}) == 1:
        return [batch]
    pairs = zip(batch['inputs'], batch['data_samples'], strict=True)
    return [dict(inputs=[image], data_samples=[sample]) for image, sample in pairs]


def _entropies(
    model: EncoderDecoder, batch: dict[str, list], num_old_classes: int
) -> Tensor:
    pairs = logits_at_labels(model, batch)
    return torch.cat(
        [foreground_entropy(x, is_novel(y, num_old_classes)) for x, y in pairs]
    )


def logits_at_labels(
    model: EncoderDecoder, batch: dict[str, list]
) -> list[tuple[Tensor, Tensor]]:
    """Compute logits of the images of a batch, at the size of their label maps.

    Args:
        model: A segmentor in eval mode.
        batch: Images of one size, as the loader gives them.

    Returns:
        Logits ``(N, C, H, W)`` and labels ``(N, H, W)`` of the whole batch if the label
        maps have the size of the images, otherwise of its images one by one.
    """
    batch = model.data_preprocessor(batch, False)
    samples = batch['data_samples']
    logits = model.encode_decode(batch['inputs'], [s.metainfo for s in samples])
    maps = [s.gt_sem_seg.data for s in samples]
    if {m.shape[1:] for m in maps} == {logits.shape[2:]}:
        return [(logits, torch.cat(maps))]
    pairs = []
    for row, labels, sample in zip(logits, maps, samples, strict=True):
        height, width = sample.metainfo['img_shape'][:2]  # without padding
        row = resize(
            row[None, :, :height, :width],
            labels.shape[1:],
            mode='bilinear',
            align_corners=model.align_corners,
        )
        pairs.append((row, labels))
    return pairs


def is_novel(labels: Tensor, num_old_classes: int) -> Tensor:
    """Mark the pixels that have a cluster's label: bool, of the shape of ``labels``."""
    return (labels >= num_old_classes) & (labels != 255)
