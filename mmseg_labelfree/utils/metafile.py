"""Published figures of a config, read from the metafile beside it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from mmengine.config import Config


@dataclass(frozen=True)
class PublishedResult:
    """One row of a paper's table.

    Attributes:
        metrics: Figures in percent by the key of our metric, such as ``mIoU/old``.
        table: Where they stand, for instance ``Table 1``.
        dataset: Data and task, for instance ``VOC 2012, 15-1 overlapped``.
        test: Options of ``tools/test.py`` with which the paper has tested, if any.

    Example:
        >>> str(PublishedResult({'mIoU/old': 35.1, 'aAcc': 60.0}, 'Table 1'))
        'old 35.1, aAcc 60.0 (Table 1)'
    """

    metrics: dict[str, float]
    table: str = ''
    dataset: str = ''
    test: str = ''

    def __str__(self) -> str:
        figures = ', '.join(
            f'{key.removeprefix("mIoU/")} {value}'
            for key, value in self.metrics.items()
        )
        return f'{figures} ({self.table})' if self.table else figures


@dataclass(frozen=True)
class MetafileEntry:
    """One entry under ``Models``: a config, with options or without.

    Attributes:
        name: Name of the entry.
        config: Path of the config from the root of the repository.
        options: What ``--cfg-options`` adds to the config, by dotted key.
        results: Published results; empty where there are none.
        data: Data and task.
    """

    name: str
    config: str
    options: dict[str, Any] = field(default_factory=dict)
    results: tuple[PublishedResult, ...] = ()
    data: str = ''


def read_metafile(path: str | os.PathLike) -> list[MetafileEntry]:
    """Read the entries of a metafile in OpenMMLab's form.

    Three keys are our own: ``Options`` of an entry, ``Table`` and ``Test`` of a result.

    Args:
        path: A ``metafile.yaml``.

    Returns:
        The entries in their order; those without ``Config`` are left out.

    Raises:
        ValueError: The file is no YAML of plain values.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except yaml.YAMLError as error:
        reason = ' '.join(str(error).split())
        raise ValueError(f'{path} is no plain YAML: {reason}') from None
    models = content.get('Models') or []
    return [_entry(model) for model in models if 'Config' in model]


def published_result(cfg: Config) -> PublishedResult | None:
    """Find the published figures of a training.

    They are those of the entry that names the config's file in the ``metafile.yaml``
    beside it and whose options the config holds. An entry that lacks an option which
    another entry of the same file has, needs the file's own value for it: who trains
    ``voc_15-1.py`` with ``protocol.setup=disjoint`` gets the figures of that setup.

    Args:
        cfg: A config that was read from a file, with the options of the command line.

    Returns:
        None if there are no figures for it.
    """
    if cfg.filename is None:
        return None
    file = Path(cfg.filename)
    metafile = file.with_name('metafile.yaml')
    if not metafile.is_file():
        return None
    entries = [e for e in read_metafile(metafile) if Path(e.config).name == file.name]
    if not any(entry.results for entry in entries):
        return None
    own = Config.fromfile(file)
    keys = {key for entry in entries for key in entry.options}
    for entry in entries:
        wanted = {k: entry.options.get(k, get_option(own, k)) for k in keys}
        if all(get_option(cfg, key) == value for key, value in wanted.items()):
            return next((r for r in entry.results if not r.test), None)
    return None


def get_option(cfg: Mapping[str, Any] | Config, key: str) -> Any:
    """Look up a dotted key of a config as ``--cfg-options`` writes it.

    Args:
        cfg: The config.
        key: Names of settings and indices of lists, joined by dots.

    Returns:
        The value, a list for a tuple; None if there is no such setting.

    Example:
        >>> get_option(dict(model=dict(losses=[dict(weight=10)])),
        ...            'model.losses.0.weight')
        10
    """
    node: Any = cfg
    for part in key.split('.'):
        if isinstance(node, list | tuple):
            known = part.isdigit() and int(part) < len(node)
            node = node[int(part)] if known else None
        elif isinstance(node, Mapping | Config):
            node = node.get(part)
        else:
            return None
    return list(node) if isinstance(node, tuple) else node


def _entry(model: Mapping[str, Any]) -> MetafileEntry:
    results = model.get('Results') or []
    if isinstance(results, Mapping):  # a single one, as in MMSegmentation's metafiles
        results = [results]
    published = tuple(
        PublishedResult(
            metrics=dict(result['Metrics']),
            table=result.get('Table', ''),
            dataset=result.get('Dataset', ''),
            test=result.get('Test', ''),
        )
        for result in results
    )
    data = published[0].dataset if published else ''
    return MetafileEntry(
        name=model['Name'],
        config=model['Config'],
        options=dict(model.get('Options') or {}),
        results=published,
        data=data or (model.get('Metadata') or {}).get('Data', ''),
    )
