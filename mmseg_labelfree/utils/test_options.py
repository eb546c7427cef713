"""Options of a test: test-time augmentation, dense CRF, folders for what it writes."""

import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmseg.registry import METRICS

from ..ops.dense_crf import load_pydensecrf


def use_tta(cfg: Config) -> None:
    """Test with the config's ``tta_model`` on its ``tta_pipeline``.

    Args:
        cfg: Config of a stage. Its model becomes the ``module`` of the ``tta_model``,
            and every pipeline of the test data, also inside wrappers, the
            ``tta_pipeline``.

    Raises:
        ValueError: One of the two is missing.
    """
    missing = [k for k in ('tta_model', 'tta_pipeline') if not cfg.get(k)]
    if missing:
        raise ValueError(
            f'{cfg.filename} has no {" and no ".join(missing)}: test-time augmentation '
            "needs tta_model, for instance dict(type='MaxVotingTTAModel'), and "
            'tta_pipeline, a pipeline with TestTimeAug as in the dataset configs of '
            'MMSegmentation'
        )
    model = copy.deepcopy(cfg.tta_model)
    model.module = cfg.model
    cfg.model = model
    _set_pipelines(cfg.test_dataloader.dataset, cfg.tta_pipeline)


def use_dense_crf(cfg: Config) -> None:
    """Score the test after a dense CRF.

    Wraps the ``test_evaluator`` into ``DenseCRFMetric`` with the settings that the
    config has under ``dense_crf``, if any. A metric that is wrapped already stays.

    Args:
        cfg: Config of a stage, after :func:`use_tta` if both are used.

    Raises:
        ImportError: pydensecrf2 is not installed.
        ValueError: The ``SegTTAModel`` merges the views; it has no merged scores.
    """
    load_pydensecrf()
    settings = dict(_photo_loading(cfg)) | dict(cfg.get('dense_crf') or {})
    if cfg.model.type == 'SegTTAModel':
        raise ValueError(
            'SegTTAModel leaves the scores of the last view in its result, which the '
            "dense CRF would refine: set tta_model = dict(type='MaxVotingTTAModel')"
        )
    wrapped = [
        m
        if m['type'] == 'DenseCRFMetric'
        else dict(type='DenseCRFMetric', metric=m, **settings)
        for m in _metrics(cfg)
    ]
    cfg.test_evaluator = wrapped if len(wrapped) > 1 else wrapped[0]


def save_masks(cfg: Config, folder: str | Path) -> None:
    """Let the test's metric write the predictions to ``folder`` as PNG files.

    Behind a ``DenseCRFMetric`` they are the refined ones. The files are called by the
    paths of the images below their folder, so a stock ``IoUMetric``, which would mix up
    images of one name, becomes a ``CheckedIoUMetric``.

    Args:
        cfg: Config of a stage. With several metrics the first one writes.
        folder: Is made if necessary.
    """
    if Path(folder).exists() and not Path(folder).is_dir():
        raise ValueError(f'--out {folder} is a file: name a folder')
    metric = _metrics(cfg)[0]
    while metric['type'] == 'DenseCRFMetric':
        metric = metric['metric']
    metric['output_dir'] = str(folder)
    if metric['type'] == 'IoUMetric':
        metric['type'] = 'CheckedIoUMetric'
    if hasattr(METRICS.get(metric['type']), 'image_folder'):
        metric['image_folder'] = image_folder(cfg.test_dataloader.dataset)


def use_own_folder(cfg: Config, options: Mapping[str, Any]) -> None:
    """Let a test write into a folder of its own below the training's.

    It is called by the checkpoint and the options: ``test/iter_40``,
    ``test/iter_40_tta_crf``, and with a digest of those that are no flags.

    Args:
        cfg: Config of a stage, with the checkpoint as ``load_from``. Its ``work_dir``
            becomes the folder; metrics write their matching into it.
        options: Options of the test by name.
    """
    checkpoint = Path(cfg.load_from)
    flags = [name for name, value in options.items() if value is True]
    rest = {k: v for k, v in options.items() if v and v is not True}
    if checkpoint.parent != Path(cfg.work_dir):
        rest['checkpoint'] = str(checkpoint)
    if rest:
        text = json.dumps(rest, sort_keys=True, default=str)
        flags.append(hashlib.sha256(text.encode()).hexdigest()[:8])
    folder = Path(cfg.work_dir, 'test', '_'.join([checkpoint.stem, *flags]))
    cfg.work_dir = str(folder)
    for metric in scored_metrics(cfg):
        if metric.get('save_matching'):
            name = Path(metric['save_matching']).name
            metric['save_matching'] = str(folder / name)


def image_folder(dataset: Mapping[str, Any]) -> str | None:
    """Image folder of a dataset's config, below all wrappers; None of several."""
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    prefix = dataset.get('data_prefix') or {}
    if 'img_path' not in prefix:
        return None
    return str(Path(dataset.get('data_root') or '', prefix['img_path']))


def _photo_loading(cfg: Config) -> dict[str, Any]:
    """How the test reads photos, as an argument of the ``DenseCRFMetric``."""
    dataset: Any = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    for step in dataset.get('pipeline', []):
        if step['type'] == 'LoadImageFromFile' and len(step) > 1:
            return dict(loading=dict(step))
    return {}


def _metrics(cfg: Config) -> list[dict[str, Any]]:
    evaluator = cfg.test_evaluator
    return [evaluator] if isinstance(evaluator, dict) else list(evaluator)


def scored_metrics(cfg: Config) -> list[dict[str, Any]]:
    """Metrics of a test, those inside of a ``DenseCRFMetric``."""
    return [metric.get('metric', metric) for metric in _metrics(cfg)]


def _set_pipelines(dataset: dict, pipeline: list) -> None:
    if 'pipeline' in dataset:
        dataset['pipeline'] = copy.deepcopy(pipeline)
    inner = [dataset['dataset']] if 'dataset' in dataset else []
    for node in [*inner, *dataset.get('datasets', [])]:
        _set_pipelines(node, pipeline)
