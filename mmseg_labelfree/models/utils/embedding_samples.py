"""Embeddings of random pixels of a dataset, as a matrix."""

from collections.abc import Iterable, Iterator

import torch
from mmengine.dist import get_dist_info
from mmseg.models import EncoderDecoder
from torch import Tensor

__all__ = ['embedding_samples']


@torch.no_grad()
def embedding_samples(
    model: EncoderDecoder,
    batches: Iterable[dict],
    per_image: int,
    seed: int = 0,
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Draw pixels of the first crops of pairs and embed them.

    The processes of a distributed run draw in turn, as their samplers do: image k of
    process r has the pixels that image ``k * processes + r`` has in a run of one.

    Args:
        model: A ``DiscriminativeClusteringSegmentor``.
        batches: Its training batches, of pairs of crops.
        per_image: Pixels of each image, or all if there are fewer.
        seed: Seed of the choice of pixels.

    Yields:
        For each batch the embeddings ``(N, per_image, D)`` and their labels
        ``(N, per_image)`` from the nearest pixel of the label map (None without one),
        on the CPU.
    """
    generator = torch.Generator().manual_seed(seed)
    rank, processes = get_dist_info()
    model.eval()
    for batch in batches:
        data = model.data_preprocessor(batch, training=True)
        images = data['inputs'].chunk(2, dim=2)[0]
        maps = model.extract_feat(images)[model.embedding_index].float()
        embeddings = maps.flatten(2).mT.cpu()
        size = embeddings.shape[1]
        draws = [
            torch.randperm(size, generator=generator)[:per_image]
            for _ in range(len(images) * processes)
        ]
        chosen = torch.stack(draws[rank::processes])
        rows = embeddings.gather(1, chosen[:, :, None].expand(-1, -1, maps.shape[1]))
        labels = None
        if all('gt_sem_seg' in sample for sample in data['data_samples']):
            truth = torch.stack([s.gt_sem_seg.data for s in data['data_samples']])
            truth = truth.chunk(2, dim=2)[0].float()
            small = torch.nn.functional.interpolate(truth, maps.shape[2:])
            labels = small.flatten(1).long().cpu().gather(1, chosen)
        yield rows, labels
