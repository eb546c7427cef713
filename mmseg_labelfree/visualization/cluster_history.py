"""Curves of a clustering over its training."""

import os
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .figures import save_figure


def write_cluster_history(path: str | os.PathLike, history: Mapping) -> None:
    """Draw cluster sizes, empty clusters and scores over the training.

    Args:
        path: PNG to write.
        history: ``train``, a list of records with ``iter``, ``shares`` (of the pixels,
            one for each cluster) and ``empty``; ``val``, a list of such records with
            ``truth`` (shares of the classes) and ``metrics`` (name -> percent).
    """
    train, val = history['train'], history['val']
    figure = Figure(figsize=(11, 7), layout='constrained')
    (sizes, ranks), (empty, scores) = figure.subplots(2, 2)
    if train:
        steps = [record['iter'] for record in train]
        shares = 100 * np.array([record['shares'] for record in train])
        order = np.argsort(-shares[-1], kind='stable')
        sizes.stackplot(steps, shares[:, order].T, edgecolor='white', linewidth=0.2)
        empty.step(steps, [r['empty'] for r in train], where='post', label='training')
        ranks.plot(*_ranked(train[-1]['shares']), label='training, last interval')
    if val:
        steps = [record['iter'] for record in val]
        empty.plot(steps, [r['empty'] for r in val], 'o-', label='validation')
        ranks.plot(*_ranked(val[-1]['shares']), label='validation, last')
        ranks.plot(*_ranked(val[-1]['truth']), 'k--', label='classes of the truth')
        for name in ('mIoU', 'aAcc'):
            values = [record['metrics'].get(name, np.nan) for record in val]
            scores.plot(steps, values, 'o-', label=name)
        scores.legend()
    sizes.set(title='share of the pixels in training', ylabel='%', ylim=(0, 100))
    ranks.set(title='shares by rank', ylabel='%', yscale='log', xlabel='rank')
    empty.set(title='empty clusters', xlabel='iteration')
    empty.set_ylim(-0.2, max([1, *(r['empty'] for r in (*train, *val))]) + 0.2)
    empty.yaxis.set_major_locator(MaxNLocator(integer=True))
    scores.set(title='after matching', ylabel='%', xlabel='iteration')
    scores.set_ylim(bottom=0)
    for axes in (ranks, empty):
        if axes.has_data():
            axes.legend(fontsize='small')
    save_figure(figure, path)


def write_cluster_comparison(
    path: str | os.PathLike, histories: Mapping[str, Mapping]
) -> None:
    """Draw how many clusters live and how large they are, for several trainings.

    IDDC, figure 4a and c: clusters that win pixels over the training, and the shares
    of the validation pixels by rank beside those of the true classes.

    Args:
        path: PNG to write.
        histories: Name -> history as for :func:`write_cluster_history`.
    """
    figure = Figure(figsize=(11, 4), layout='constrained')
    live, ranks = figure.subplots(1, 2)
    for index, (name, history) in enumerate(histories.items()):
        train = history['train']
        counts = [len(record['shares']) - record['empty'] for record in train]
        width = 1.5 * (len(histories) - index)  # of equal lines all can be seen
        live.plot([r['iter'] for r in train], counts, linewidth=width, label=name)
        if history['val']:
            ranks.plot(*_ranked(history['val'][-1]['shares']), 'o-', label=name)
    truths = [h['val'][-1]['truth'] for h in histories.values() if h['val']]
    if truths:
        ranks.plot(*_ranked(truths[0]), 'k--', label='classes of the truth')
    live.set(title='clusters that win pixels', xlabel='iteration')
    live.set_ylim(bottom=0)
    ranks.set(title='share of the validation pixels', ylabel='%', xlabel='rank')
    ranks.set_yscale('log')
    for axes in (live, ranks):
        if axes.has_data():
            axes.legend(fontsize='small')
    save_figure(figure, path)


def _ranked(shares: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Ranks from 1 on and shares in percent, of those above 0."""
    ranked = 100 * np.sort(np.asarray(shares))[::-1]
    return np.arange(1, len(ranked) + 1), np.where(ranked > 0, ranked, np.nan)
