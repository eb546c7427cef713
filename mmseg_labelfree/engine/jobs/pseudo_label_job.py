"""Job that writes the pseudo-labels of all training images."""

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.device import get_device
from mmseg.models import EncoderDecoder
from mmseg.registry import TASK_UTILS
from PIL import Image

from ...datasets.samplers.seeded import seed_everything
from ...datasets.wrappers.zero_label_dataset import ZeroLabelDataset
from ...models.utils.pseudo_label_generator import PseudoLabelGenerator
from ...models.utils.stage_model import load_stage_model, stage_model_config
from ...utils.distributed import in_first_process
from ...visualization.figures import write_label_map
from .base import ImageJob, Images
from .result_folder import ResultFolder

__all__ = ['PseudoLabelJob', 'whole_images']


@TASK_UTILS.register_module()
class PseudoLabelJob(ImageJob):
    """Job that labels the unlabeled pixels of the training images by a frozen model.

    The same labels as from ``generator`` of
    :class:`~mmseg_labelfree.models.segmentors.ZeroLabelEncoderDecoder`, but for whole
    images at their own size instead of crops, and once instead of in each iteration.
    Written to ``<work_dir>/labels/<image name>.png``, palette, 255 where there is no
    pseudo-label; ``ZeroLabelDataset(pseudo_labels=...)`` reads them. Files that are
    there are not made again. Random views depend on seed and image alone.

    Args:
        checkpoint: Checkpoint, or stage folder, of the model.
        generator: Settings of
            :class:`~mmseg_labelfree.models.utils.PseudoLabelGenerator`.
        background: Label of a seen background.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: The folder holds labels by another model or with other settings.

    Example:
        ``job=dict(type='PseudoLabelJob', checkpoint='work_dirs/x/spnet',
        generator=dict(views='mirror+up'))``
    """

    def __init__(
        self,
        checkpoint: str,
        generator: Mapping[str, Any],
        background: int | None = None,
    ) -> None:
        super().__init__()
        self.checkpoint = checkpoint
        self.settings = generator
        self.generator = PseudoLabelGenerator(**generator)
        self.background = background

    def build_dataset(self, cfg: Config) -> ZeroLabelDataset:
        """Build the training data without augmentation."""
        return whole_images(super().build_dataset(cfg))

    def run_on(self, images: Images, cfg: Config) -> dict[str, float]:
        """Write all label maps.

        Returns:
            ``pseudo_share``: the share of all pixels that has one, in percent.
        """
        seed = cfg.get('randomness', {}).get('seed') or 0
        settings = dict(
            checkpoint=self.checkpoint,
            model=stage_model_config(cfg.model),
            generator=self.settings,
            background=self.background,
            seed=seed,
            precision=cfg.optim_wrapper.type,
        )
        labels = ResultFolder(Path(cfg.work_dir, 'labels'), settings)
        model = load_stage_model(self.checkpoint, cfg.model).to(get_device()).eval()

        def label(index: int) -> None:
            seed_everything((seed, index))
            found = self.label_image(model, images[index], cfg)
            write_label_map(labels.path(images.names[index]), found)

        images.for_each(label, 'Pseudo-labels', finished=labels)
        files = [labels.path(name) for name in images.names]
        return dict(pseudo_share=in_first_process(lambda: _labeled_share(files)))

    def label_image(
        self, model: EncoderDecoder, sample: dict[str, Any], cfg: Config
    ) -> np.ndarray:
        """Compute the pseudo-labels of one image.

        Args:
            model: The frozen model, in evaluation mode.
            sample: Item of a dataset of :func:`whole_images`.
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


def whole_images(dataset: ZeroLabelDataset) -> ZeroLabelDataset:
    """Remove all augmentation from a dataset: its pipeline only loads and maps labels.

    Args:
        dataset: Its pipeline is replaced.

    Returns:
        The same dataset, whose images and label maps have their own size.
    """
    kept = ('LoadImageFromFile', 'LoadAnnotations', 'MapLabels')
    pipeline = dataset.dataset.pipeline.transforms
    loading = [t for t in pipeline if type(t).__name__ in kept]
    dataset.dataset.pipeline = Compose([*loading, dict(type='PackSegInputs')])
    return dataset


def _precision(cfg: Config, model: EncoderDecoder) -> AbstractContextManager:
    """Autocast as in the training of this config."""
    device = next(model.parameters()).device.type
    kind = cfg.optim_wrapper.type
    if kind == 'BFloat16OptimWrapper':
        return torch.autocast(device, torch.bfloat16)
    return torch.autocast(device) if kind == 'AmpOptimWrapper' else nullcontext()


def _labeled_share(files: list[Path]) -> float:
    """Share of pixels with a label, in percent; nan without any pixel."""
    labeled = total = 0
    for file in files:
        with Image.open(file) as image:
            counts = image.histogram()
        labeled += sum(counts[:255])
        total += sum(counts)
    return 100 * labeled / total if total else math.nan
