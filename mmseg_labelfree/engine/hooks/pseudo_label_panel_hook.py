"""Hook that draws the pseudo-labels of validation images."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor

from ...utils.choices import check_range
from ...utils.distributed import bare_model
from ...visualization.panels import picture, write_panels


@HOOKS.register_module()
class PseudoLabelPanelHook(Hook):
    """Hook that writes a sheet of pseudo-labels at every validation.

    One row per image: image, truth, what the segmentor's ``pseudo_label_maps`` gives,
    and prediction. A mean teacher gives the pseudo-label that it would hand to the
    student if the image had no label, 255 (cream) where it hands none, and the entropy
    of its prediction in nats. A segmentor of image labels gives its activation maps, at
    each pixel the largest of a present class, and the labels that it makes of them. The
    prediction is that of the model that is scored, in a
    :class:`~mmseg_labelfree.engine.loops.TeacherStudentValLoop` of the first one.
    Sheets are ``panels/iter_<k>.png`` below the run's log folder.

    The cost is a pass of the model over ``num_images`` images a validation, in the
    main process.

    Args:
        num_images: Number of images, the first ones of the validation set.

    Raises:
        TypeError: The segmentor has no ``pseudo_label_maps``, as
            :class:`~mmseg_labelfree.models.segmentors.MeanTeacherEncoderDecoder` and
            :class:`~mmseg_labelfree.models.segmentors.ImageLevelEncoderDecoder` have.

    Example:
        ``custom_hooks=[dict(type='EMATeacherHook'), dict(type='PseudoLabelPanelHook',
        num_images=4)]``
    """

    def __init__(self, num_images: int = 4) -> None:
        check_range(1, num_images=num_images)
        self.num_images = num_images
        self._rows: list[dict[str, Any]] = []
        self._names: list[str] = []

    def check_model(self, model: Any, hooks: Sequence[Hook]) -> None:
        """Raise if the model, or another hook, is not what this hook needs."""
        if not hasattr(model, 'pseudo_label_maps'):
            raise TypeError(
                f'{type(model).__name__} has no pseudo-labels to show: '
                'PseudoLabelPanelHook needs a MeanTeacherEncoderDecoder or an '
                'ImageLevelEncoderDecoder'
            )

    def before_val_epoch(self, runner: Runner) -> None:
        """Start a sheet."""
        self._rows, self._names = [], []

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Add the images of a batch, while there is room."""
        if runner.rank != 0 or len(self._rows) >= self.num_images:
            return
        model: Any = bare_model(runner.model)
        self.check_model(model, runner.hooks)
        if any(_name(sample) in self._names for sample in outputs):
            return  # a loop over two models comes to the same images again
        data = model.data_preprocessor(data_batch, False)
        maps = model.pseudo_label_maps(data['inputs'], data['data_samples'])
        for i, (image, sample) in enumerate(
            zip(data_batch['inputs'], outputs, strict=True)
        ):
            height, width = image.shape[1:]
            self._names.append(_name(sample))
            self._rows.append(
                {
                    'image': image,
                    'truth': sample.gt_sem_seg.data[0],
                    **{title: m[i, :height, :width] for title, m in maps.items()},
                    'prediction': sample.pred_sem_seg.data[0],
                }
            )

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Write the sheet."""
        if not self._rows:
            return
        rows = self._rows[: self.num_images]
        info = runner.val_dataloader.dataset.metainfo
        write_panels(
            Path(runner.log_dir) / 'panels' / f'iter_{runner.iter}.png',
            {title: [_array(title, row[title]) for row in rows] for title in rows[0]},
            palette=info.get('palette'),
            classes=info['classes'],
            rows=[Path(name).stem for name in self._names[: self.num_images]],
            limits={
                'entropy': (0.0, math.log(len(info['classes']))),
                'activation': (0.0, 1.0),
            },
        )
        self._rows = []


def _name(sample: Any) -> str:
    return sample.metainfo['img_path']


def _array(title: str, values: Tensor) -> Any:
    if title == 'image':
        return picture(values.cpu())
    return (
        values.float().cpu().numpy()
        if values.is_floating_point()
        else (values.to(torch.uint8).cpu().numpy())
    )
