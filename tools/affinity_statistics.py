"""Where the affinities of pixels of one class and of different classes cross.

IDDC, section 4.4.4, chooses its thresholds from a small number of labeled images:
above the crossing point of the two distributions (figure 2) a pair of pixels is more
likely of one class. Embeds random pixels of some training crops of the config, prints
quantiles of the distributions and draws them to ``affinities.png`` in the work dir.
Prints also how many of the pairs that the thresholds of the config take are right.

Example::

    python tools/affinity_statistics.py configs/iddc/mobilenetv2_camvid.py --images 64
"""

import argparse
import sys
from pathlib import Path


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument('config', help='config of DiscriminativeClusteringSegmentor')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        help='settings that replace those of the config, as key=value',
    )
    parser.add_argument('--images', type=int, default=64, help='labeled images')
    parser.add_argument('--per-image', type=int, default=32, help='pixels of each')
    parser.add_argument('--work-dir', help='default work_dirs/<name of the config>')
    return parser.parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import numpy as np
import torch
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import MODELS
from torch import Tensor

import mmseg_labelfree  # noqa: F401  (registers the components, mends `mmseg::` bases)
from mmseg_labelfree.models import DiscriminativeClusteringSegmentor
from mmseg_labelfree.models.utils.embedding_samples import embedding_samples
from mmseg_labelfree.utils.choices import check_range
from mmseg_labelfree.utils.command_line import exit_code, read_config
from mmseg_labelfree.visualization.figures import save_figure

BINS = 100


def pairs(
    model: DiscriminativeClusteringSegmentor, cfg: Config, images: int, per_image: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Random pairs of labeled pixels.

    Returns:
        Their affinities ``(P,)``, whether they are of one class, and whether they are
        of one image.
    """
    cfg.train_dataloader.batch_size = min(images, 16)
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    batches: list[tuple[Tensor, Tensor]] = []
    for embeddings, truth in embedding_samples(model, loader, per_image):
        if truth is None:
            raise ValueError('the training data has no labels: use LoadAnnotations')
        batches.append((embeddings, truth))
        if len(batches) * cfg.train_dataloader.batch_size >= images:
            break
    rows, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    image = torch.arange(len(rows))[:, None].expand_as(labels).flatten()
    rows, labels = rows.flatten(0, 1), labels.flatten()
    (units,) = model.pairwise_loss.unit_embeddings([rows])
    known = labels != 255
    units, labels, image = units[known], labels[known], image[known]
    first, second = torch.triu_indices(len(labels), len(labels), offset=1)
    affinity = (units @ units.T)[first, second]
    return affinity, labels[first] == labels[second], image[first] == image[second]


def histograms(affinity: Tensor, one_class: Tensor) -> np.ndarray:
    """Shares (2, BINS) of the affinities -1 to 1: different classes, one class."""
    bins = ((affinity + 1) * BINS / 2).long().clamp(0, BINS - 1)
    counts = torch.bincount(one_class * BINS + bins, minlength=2 * BINS).view(2, BINS)
    return (counts / counts.sum(1, keepdim=True)).numpy()


def crossing(shares: np.ndarray) -> float:
    """Least affinity from which on pairs of one class are the denser ones."""
    denser = shares[1] > shares[0]
    below = np.flatnonzero(~denser & (shares.sum(0) > 0))
    return float(2 * (below.max() + 1) / BINS - 1) if len(below) else -1.0


def print_precision(what: str, right: Tensor, taken: Tensor) -> None:
    """Print how many pairs that the loss takes are right, and how many of all are."""
    share = f'{right[taken].float().mean():.1%}' if taken.any() else 'none is taken'
    print(f'{what}: {share} (of all pairs {right.float().mean():.1%})')


def main(argv: list[str] | None = None) -> None:
    """Print and draw the distributions."""
    args = parse_args(argv)
    check_range(1, images=args.images, per_image=args.per_image)
    cfg = read_config(args)
    model = MODELS.build(cfg.model)
    if not isinstance(model, DiscriminativeClusteringSegmentor):
        raise ValueError(
            f'{args.config} trains no DiscriminativeClusteringSegmentor: give a config '
            'of IDDC'
        )
    model.init_weights()
    affinity, one_class, one_image = pairs(model, cfg, args.images, args.per_image)
    shares = histograms(affinity, one_class)
    centers = (np.arange(BINS) + 0.5) * 2 / BINS - 1
    print('quantile  different  one class')
    for quantile in (0.05, 0.25, 0.5, 0.75, 0.95):
        found = [centers[np.searchsorted(s.cumsum(), quantile)] for s in shares]
        print(f'{quantile:8} {found[0]:10.2f} {found[1]:10.2f}')
    point = crossing(shares)
    print(f'the distributions cross at an affinity of {point:.2f}')
    loss = model.pairwise_loss
    print_precision(
        'pairs within an image above positive_threshold that are of one class',
        one_class[one_image],
        affinity[one_image] > loss.positive_threshold,
    )
    print_precision(
        'pairs between images below negative_threshold that are of different classes',
        ~one_class[~one_image],
        affinity[~one_image] < loss.negative_threshold,
    )
    figure = Figure(figsize=(6, 4), layout='constrained')
    axes = figure.subplots()
    for values, name in zip(shares, ('different classes', 'one class'), strict=True):
        axes.plot(centers, values, label=name)
    axes.axvline(point, color='black', linestyle=':', linewidth=1)
    axes.set(xlabel='affinity', ylabel='share of the pairs')
    axes.legend()
    folder = args.work_dir or Path('work_dirs') / Path(args.config).stem
    save_figure(figure, Path(folder) / 'affinities.png')


if __name__ == '__main__':
    sys.exit(exit_code(main))
