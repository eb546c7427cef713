"""Job that writes the pseudo-labels of all training images."""

import math
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.device import get_device
from mmseg.models import EncoderDecoder
from mmseg.registry import TASK_UTILS
from mmseg.structures import SegDataSample
from PIL import Image
from torch import Tensor

from ...datasets.samplers.seeded import seed_everything
from ...models.utils.pseudo_label_generator import PseudoLabelGenerator
from ...models.utils.stage_model import load_stage_model, stage_model_config
from ...ops.pseudo_labels import pseudo_labels
from ...ops.two_classes import two_class_logits
from ...utils.distributed import in_first_process
from ...utils.files import reading
from ...visualization.figures import write_label_map
from ..optim.mixed_precision import training_dtype
from .base import ImageJob, Images, innermost
from .result_folder import REMEDY, ResultFolder

__all__ = ['PseudoLabelJob', 'whole_images']

_EPS = 1e-6  # keeps the logit of a probability finite


@TASK_UTILS.register_module()
class PseudoLabelJob(ImageJob):
    """Job that labels the training images by a trained model.

    One label map for each image, at the image's own size, in
    ``<work_dir>/labels/<image name>.png``, palette, 255 where there is no pseudo-label.
    Any config trains on them with
    :class:`~mmseg_labelfree.datasets.transforms.LoadPseudoAnnotations` in place of
    ``LoadAnnotations``. Files that are there are not made again. Random views depend on
    seed and image alone.

    Without ``generator`` the labels are the model's predictions, those of the classes
    of the image where its image labels are known, or a label map that the model adds to
    them. With one, unlabeled pixels alone are labeled, the same way as from
    ``generator`` of :class:`~mmseg_labelfree.models.segmentors.ZeroLabelEncoderDecoder`
    but for whole images; ``ZeroLabelDataset(pseudo_labels=...)`` reads them.

    Args:
        checkpoint: Checkpoint, or stage folder, of the model.
        generator: Settings of
            :class:`~mmseg_labelfree.models.utils.PseudoLabelGenerator`, for zero-label
            data. Defaults to None.
        background: With a generator, the label of a seen background.
        field: Without a generator, the label map of a prediction to write, such as
            'pseudo_sem_seg' of an ``ImageLevelEncoderDecoder``. Defaults to
            'pred_sem_seg', the predictions.
        threshold: Least probability of a prediction, 0 to 1; below it a pixel has no
            label. Defaults to 0: all have one.
        dataset: Config of the dataset. Defaults to that of the training data. Nothing
            but loading is left of its pipeline.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: An argument is wrong, the model gives no such label map, or the
            folder holds labels by another model or with other settings.

    Example:
        ``job=dict(type='PseudoLabelJob', checkpoint='work_dirs/afa',
        field='pseudo_sem_seg')``
    """

    def __init__(
        self,
        checkpoint: str,
        generator: Mapping[str, Any] | None = None,
        background: int | None = None,
        field: str = 'pred_sem_seg',
        threshold: float = 0.0,
        dataset: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(dataset)
        if not 0 <= threshold < 1:
            raise ValueError(f'threshold must be in 0 to 1, not {threshold}')
        if threshold and field != 'pred_sem_seg':
            raise ValueError(
                f"{field} has no probabilities: set threshold=0 or field='pred_sem_seg'"
            )
        self.checkpoint = checkpoint
        self.settings = generator
        self.generator = (
            None if generator is None else PseudoLabelGenerator(**generator)
        )
        self.background = background
        self.field = field
        self.threshold = threshold

    def build_dataset(self, cfg: Config) -> Any:
        """Build the training data without augmentation."""
        dataset = super().build_dataset(cfg)
        return whole_images(dataset, with_labels=self.generator is not None)

    def run_on(self, images: Images, cfg: Config) -> dict[str, float]:
        """Write all label maps.

        Returns:
            ``pseudo_share``: the share of all pixels that has one, in percent.
        """
        seed = cfg.get('randomness', {}).get('seed') or 0
        settings = dict(
            checkpoint=self.checkpoint,
            model=self._model_config(cfg),
            seed=seed,
            precision=str(training_dtype(cfg)),
        )
        if self.generator is not None:
            settings.update(generator=self.settings, background=self.background)
        else:
            settings.update(field=self.field, threshold=self.threshold)
        labels = ResultFolder(Path(cfg.work_dir, 'labels'), settings)
        model = self.load_model(cfg)
        palette = images.dataset.metainfo.get('palette')

        def label(index: int) -> None:
            seed_everything((seed, index))
            found = self.label_image(model, images[index], cfg)
            write_label_map(labels.path(images.names[index]), found, palette)

        images.for_each(label, 'Pseudo-labels', finished=labels)
        files = [labels.path(name) for name in images.names]
        return dict(pseudo_share=in_first_process(lambda: _labeled_share(files)))

    def load_model(self, cfg: Config) -> EncoderDecoder:
        """Build the model on its device, in evaluation mode, with its weights."""
        own = None if self.generator is not None else self._model_config(cfg)
        model = load_stage_model(self.checkpoint, cfg.model, own)
        return model.to(get_device()).eval()

    def _model_config(self, cfg: Config) -> Mapping[str, Any]:
        """Config of the model: a stock one for a generator, else that of the stage."""
        return cfg.model if self.generator is None else stage_model_config(cfg.model)

    @torch.no_grad()
    def label_image(
        self, model: EncoderDecoder, sample: dict[str, Any], cfg: Config
    ) -> np.ndarray:
        """Compute the pseudo-labels of one image.

        Args:
            model: The model, in evaluation mode.
            sample: Item of a dataset of :func:`whole_images`.
            cfg: Config of the stage, for the numerical precision.

        Returns:
            uint8 ``(H, W)``, 255 where there is none.
        """
        batch = {key: [value] for key, value in sample.items()}
        batch = model.data_preprocessor(batch, False)
        dtype = training_dtype(cfg)
        full = dtype == torch.float32
        with nullcontext() if full else torch.autocast(get_device(), dtype):
            if self.generator is None:
                labels = self._chosen(model, model.predict(**batch)[0])
            else:
                labels = self._filled(self.generator, model, **batch)
        return labels.cpu().byte().numpy()

    def _filled(
        self,
        generator: PseudoLabelGenerator,
        model: EncoderDecoder,
        inputs: Tensor,
        data_samples: list[SegDataSample],
    ) -> Tensor:
        """Labels of the unlabeled pixels of an image (H, W)."""
        labels = data_samples[0].gt_sem_seg.data
        height, width = labels.shape[1:]
        padded = labels.new_full((1, *inputs.shape[2:]), 255)
        padded[:, :height, :width] = labels
        padded = padded.to(inputs.device)
        # Processes have different numbers of images, so they must not wait for each
        # other here.
        filled = generator(model, inputs, padded, self.background, all_processes=False)
        filled = filled[0, :height, :width].cpu()
        return torch.where(filled == labels[0].cpu(), 255, filled)

    def _chosen(self, model: EncoderDecoder, sample: SegDataSample) -> Tensor:
        """Label map (H, W) of a model's prediction."""
        if self.field not in sample:
            raise ValueError(
                f'the model gives no {self.field}: it has '
                f'{", ".join(sorted(sample.keys()))}; correct `field` of the job'
            )
        if self.field != 'pred_sem_seg':
            return sample.get(self.field).data[0]
        logits = sample.seg_logits.data
        if len(logits) == 1:  # a probability, of class 1
            border = model.decode_head.threshold
            logits = two_class_logits(logits.logit(_EPS)[None], border)[0]
        if 'image_labels' in sample:
            absent = torch.from_numpy(~np.append(True, sample.image_labels))
            logits = logits.masked_fill(absent.to(logits.device)[:, None, None], -1e4)
        return pseudo_labels(logits[None], self.threshold)[0]


def whole_images(dataset: Any, with_labels: bool = True) -> Any:
    """Remove all augmentation from a dataset: its pipeline only loads and maps labels.

    Args:
        dataset: ``BaseSegDataset``, or a wrapper of one. Its pipeline is replaced.
        with_labels: Whether to keep what loads and maps labels.

    Returns:
        The same dataset, whose images and label maps have their own size.
    """
    kept = ['LoadImageFromFile']
    if with_labels:
        kept += ['LoadAnnotations', 'MapLabels']
    inner = innermost(dataset)
    loading = [t for t in inner.pipeline.transforms if type(t).__name__ in kept]
    inner.pipeline = Compose([*loading, dict(type='PackSegInputs')])
    return dataset


def _labeled_share(files: list[Path]) -> float:
    """Share of pixels with a label, in percent; nan without any pixel."""
    labeled = total = 0
    for file in files:
        with reading(file, REMEDY), Image.open(file) as image:
            counts = image.histogram()
        labeled += sum(counts[:255])
        total += sum(counts)
    return 100 * labeled / total if total else math.nan
