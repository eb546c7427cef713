"""Trained models by the name of their run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmseg.apis import init_model
from mmseg.models import BaseSegmentor

from ...utils.checkpoint import (
    CONFIG,
    MARKER,
    latest_checkpoint,
    load_checkpoint,
    nonfinite_weights,
    plain_weights,
    resolve_checkpoint,
)
from ...utils.checkpoint_fit import check_fit
from ...utils.cluster_names import name_clusters
from ...utils.command_line import read_file
from ...utils.files import reading
from ...visualization.figures import label_colors
from ..jobs.base import dataset_pipeline
from ..protocols import follow_move

__all__ = ['TrainedRun', 'find_run']


@dataclass(frozen=True)
class TrainedRun:
    """A trained model that lies in files.

    Attributes:
        config: Config that it was trained with.
        checkpoint: File of its weights.
    """

    config: Config
    checkpoint: Path

    @property
    def pipeline(self) -> list[dict[str, Any]]:
        """Config of the pipeline that its test runs.

        Raises:
            ValueError: The config has none.
        """
        loader = self.config.get('test_dataloader') or {}
        found = dataset_pipeline(loader.get('dataset'))
        found = found or self.config.get('test_pipeline')
        if not found:
            raise ValueError(
                f'{self.config.filename} has neither a test_dataloader with a pipeline '
                'nor a test_pipeline: give another --config'
            )
        return list(found)

    def build(self, device: str) -> BaseSegmentor:
        """Build the model and load its weights, with ``dataset_meta``.

        Args:
            device: Such as 'cpu' or 'cuda:0'.

        Raises:
            ValueError: The checkpoint is damaged, not of this model, or of a training
                that has diverged.
        """
        checkpoint, filename = load_checkpoint(self.checkpoint)
        model = init_model(self.config, device='cpu')
        check_fit(model, None, checkpoint, filename)
        weights = plain_weights(checkpoint, filename)
        if broken := nonfinite_weights(weights):
            raise ValueError(
                f'{filename} is of a training that has diverged ({broken[0]} is not '
                'finite): name an earlier checkpoint'
            )
        model.load_state_dict(weights, strict=False)
        meta = (checkpoint.get('meta') or {}).get('dataset_meta')
        model.dataset_meta = output_meta(model, meta or {})
        return model.to(torch.device(device)).eval()


def output_meta(model: BaseSegmentor, meta: dict[str, Any]) -> dict[str, list]:
    """Name and color of each output of a model.

    Args:
        model: A segmentor.
        meta: ``classes`` and ``palette`` of a checkpoint, which may have fewer.

    Returns:
        ``classes`` and ``palette``, one entry for each output. Outputs without a class
        are clusters, see :func:`~mmseg_labelfree.utils.cluster_names.name_clusters`.
    """
    number = max(model.decode_head.out_channels, 2)
    classes = list(meta.get('classes') or ())[:number]
    palette = label_colors(meta.get('palette'))[: len(classes)].tolist()
    known = dict(classes=classes, palette=palette)
    outputs = name_clusters(known, number - len(classes), len(classes))
    return {key: list(values) for key, values in outputs.items()}


def find_run(name: str, config: str | None = None) -> TrainedRun:
    """Find a trained model by its name.

    Args:
        name: A checkpoint, a work dir, or its path below ``work_dirs``; of a protocol
            the last stage that has a checkpoint is meant, or a stage by its folder. Of
            a finished stage it is the checkpoint that was scored.
        config: File of the config. Defaults to the one in the work dir; a checkpoint
            that lies elsewhere needs one.

    Raises:
        FileNotFoundError: There is no such run, no checkpoint, or no config.

    Example:
        ``find_run('demo_voc_15-1/step_3').build('cpu')``
    """
    places = [Path(name), Path('work_dirs', name)]
    place = next((p for p in places if p.exists()), None)
    if place is None:
        raise FileNotFoundError(
            f'there is no run {name!r}: {places[0]} and {places[1]} do not exist; '
            f'{_known(Path("work_dirs"))}'
        )
    if place.is_file():
        folder, checkpoint = place.parent, place
    else:
        folder = place if latest_checkpoint(place) else _last_stage(place)
        if latest_checkpoint(folder) is None:
            raise FileNotFoundError(
                f'{place} holds no checkpoint: train first (tools/train.py), or name '
                'a stage or a checkpoint'
            )
        checkpoint = Path(resolve_checkpoint(folder))
    file = Path(config) if config else _config_file(folder)
    return TrainedRun(follow_move(read_file(str(file))), checkpoint)


def _known(folder: Path) -> str:
    names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    return f'work_dirs holds {", ".join(names[:20]) or "nothing"}'


def _last_stage(folder: Path) -> Path:
    """Folder of the last finished stage that has a checkpoint.

    A copy may have other times: stages that were finished since the report alone are
    in their order.
    """
    stages = _reported_stages(folder)
    markers = sorted(folder.glob(f'*/{MARKER}'), key=lambda p: p.stat().st_mtime_ns)
    stages += [m.parent for m in markers if m.parent not in stages]
    trainings = [stage for stage in stages if _is_training(stage / MARKER)]
    return trainings[-1] if trainings else folder


def _reported_stages(folder: Path) -> list[Path]:
    """Folders of the stages in the report of a run, in their order."""
    file = folder / 'results.json'
    if not file.is_file():
        return []
    with reading(file, 'delete it, or name a stage'):
        content = json.loads(file.read_text(encoding='utf-8'))
        return [folder / name for name in content['stages']]


def _is_training(marker: Path) -> bool:
    if not marker.is_file():
        return False
    content = json.loads(marker.read_text(encoding='utf-8'))
    return bool(content.get('checkpoint'))


def _config_file(folder: Path) -> Path:
    """The config of a run: that of a stage, or the one that MMEngine keeps.

    A config is run as it is read, so no other script beside a checkpoint is taken.
    """
    choices: Sequence[Path] = [folder / CONFIG]
    if not choices[0].is_file():
        is_run = (folder / 'last_checkpoint').is_file()
        scripts = folder.glob('*.py') if is_run else ()
        choices = sorted(scripts, key=lambda p: p.stat().st_mtime_ns)
    if not choices:
        raise FileNotFoundError(f'{folder} holds no config: name one by --config')
    return choices[-1]
