"""Writes the pseudo-labels of all training images, once per round."""

import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import barrier, get_dist_info, is_main_process
from mmengine.utils import track_iter_progress
from mmseg.registry import DATASETS, TASK_UTILS
from PIL import Image

from ...datasets.samplers.seeded import seed_everything
from ...datasets.transforms.fill_unlabeled import label_file
from ...datasets.wrappers.zero_label_dataset import ZeroLabelDataset
from ...models.utils.pseudo_label_generator import PseudoLabelGenerator
from ...models.utils.stage_model import load_stage_model
from ...utils.checkpoint import resolve_checkpoint
from ...utils.files import atomic_path, write_text
from .base import Job

__all__ = ['PseudoLabelJob', 'whole_images']


@TASK_UTILS.register_module()
class PseudoLabelJob(Job):
    """Label the unlabelled pixels of the training images with a frozen model.

    The same labels as from ``generator`` of
    :class:`~mmseg_labelfree.models.segmentors.ZeroLabelEncoderDecoder`, but for whole
    images at their own size instead of crops, and once instead of in each iteration.
    Written to ``<work_dir>/labels/<image name>.png``, 8 bits, 255 where there is no
    pseudo-label; ``ZeroLabelDataset(pseudo_labels=...)`` reads them. Files that are
    there are not made again. Random views depend on seed and image alone.

    Args:
        checkpoint: Checkpoint, or stage folder, of the model.
        generator: Settings of
            :class:`~mmseg_labelfree.models.utils.PseudoLabelGenerator`.
        background: Label of a seen background.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: The folder holds labels by another model or generator.

    Example:
        ``job=dict(type='PseudoLabelJob', checkpoint='work_dirs/x/spnet',
        generator=dict(views='mirror+up'))``
    """

    def __init__(
        self, checkpoint: str, generator: dict[str, Any], background: int | None = None
    ) -> None:
        self.checkpoint = checkpoint
        self.settings = generator
        self.generator = PseudoLabelGenerator(**generator)
        self.background = background

    def run(self, cfg: Config) -> dict[str, float]:
        """Write all label maps.

        Returns:
            ``pseudo_share``: the share of all pixels that has one, in percent.
        """
        folder = Path(cfg.work_dir, 'labels')
        self._claim(folder)
        dataset = whole_images(DATASETS.build(cfg.train_dataloader.dataset))
        images = dataset.dataset.data_prefix.get('img_path') or ''
        files = [
            label_file(folder, dataset.get_data_info(i)['img_path'], images)
            for i in range(len(dataset))
        ]
        rank, processes = get_dist_info()
        todo = [i for i in range(rank, len(files), processes) if not files[i].exists()]
        if todo:
            model = load_stage_model(self.checkpoint, cfg.model).to(get_device()).eval()
            seed = cfg.get('randomness', {}).get('seed') or 0
            for index in track_iter_progress(todo) if is_main_process() else todo:
                seed_everything((seed, index))
                labels = self.label_image(model, dataset[index], cfg)
                _write(files[index], labels)
        barrier()
        return dict(pseudo_share=_share(files)) if is_main_process() else {}

    def label_image(
        self, model: torch.nn.Module, sample: dict[str, Any], cfg: Config
    ) -> np.ndarray:
        """Pseudo-labels of one image.

        Args:
            model: The frozen model, in evaluation mode.
            sample: Item of a data set of :func:`whole_images`.
            cfg: Config of the stage, for the numerical precision.

        Returns:
            uint8 ``(H, W)``, 255 where there is none.
        """
        batch = {key: [value] for key, value in sample.items()}
        batch = model.data_preprocessor(batch, False)
        images = batch['inputs']
        labels = batch['data_samples'][0].gt_sem_seg.data
        height, width = labels.shape[1:]
        padded = labels.new_full((1, *images.shape[2:]), 255)
        padded[:, :height, :width] = labels
        padded = padded.to(images.device)
        # Processes have different numbers of images, so they must not wait for each
        # other here.
        with _precision(cfg, model):
            filled = self.generator(
                model, images, padded, self.background, all_processes=False
            )
        filled = filled[0, :height, :width].cpu()
        return torch.where(filled == labels[0].cpu(), 255, filled).byte().numpy()

    def _claim(self, folder: Path) -> None:
        """Note what makes the labels; refuse a folder that holds others."""
        file = Path(resolve_checkpoint(self.checkpoint))
        note = dict(
            checkpoint=file.name,
            size=file.stat().st_size,
            generator=json.loads(json.dumps(self.settings)),
            background=self.background,
        )
        path = folder.parent / 'labels.json'
        if path.is_file() and json.loads(path.read_text(encoding='utf-8')) != note:
            raise ValueError(
                f'{folder} holds pseudo-labels of another model or generator (see '
                f'{path}): delete {folder.parent}, or choose another --work-dir'
            )
        if is_main_process():
            folder.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps(note, indent=2) + '\n')
        barrier()


def whole_images(dataset: ZeroLabelDataset) -> ZeroLabelDataset:
    """Leave of a data set's pipeline what loads and labels, without augmentation."""
    kept = ('LoadImageFromFile', 'LoadAnnotations', 'MapLabels')
    pipeline = dataset.dataset.pipeline.transforms
    loading = [t for t in pipeline if type(t).__name__ in kept]
    dataset.dataset.pipeline = Compose([*loading, dict(type='PackSegInputs')])
    return dataset


def _precision(cfg: Config, model: torch.nn.Module):
    """Autocast as in the training of this config."""
    device = next(model.parameters()).device.type
    kind = cfg.optim_wrapper.type
    if kind == 'BFloat16OptimWrapper':
        return torch.autocast(device, torch.bfloat16)
    return torch.autocast(device) if kind == 'AmpOptimWrapper' else nullcontext()


def _write(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = atomic_path(path)
    try:
        Image.fromarray(labels).save(temporary, format='PNG')
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _share(files: list[Path]) -> float:
    """Share of pixels with a label, in percent."""
    labeled = total = 0
    for file in files:
        with Image.open(file) as image:
            counts = image.histogram()
        labeled += sum(counts[:255])
        total += sum(counts)
    return 100 * labeled / max(total, 1)
