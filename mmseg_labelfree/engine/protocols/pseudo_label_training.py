"""Protocol of two trainings, the second on label maps by the first."""

import copy
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmseg.registry import TASK_UTILS

from ...utils.choices import check_settings
from .base import Protocol, Stage
from .config_edit import forget_pretraining, set_arguments


@TASK_UTILS.register_module()
class PseudoLabelTrainingProtocol(Protocol):
    """Protocol in which a model labels the training images and another learns them.

    The usual way of image-level labels before single-stage methods such as AFA:

    - ``labeler`` trains the config as it is;
    - ``labels`` is a :class:`~mmseg_labelfree.engine.jobs.PseudoLabelJob` by it;
    - ``segmentor`` trains with other settings, by a stock config as a rule, whose
      pipeline reads these label maps: the protocol writes their folder into each
      ``LoadPseudoAnnotations``.

    Args:
        segmentor: Config overrides of the last stage: ``model``, and a
            ``train_dataloader`` with a ``LoadPseudoAnnotations``.
        job: Arguments of the job, such as ``field`` and ``threshold``.
        labeler: Config overrides of the first stage.
        labeler_checkpoint: Checkpoint, or stage folder, of a finished labeler, which is
            then not trained again.

    Raises:
        ValueError: The segmentor has no ``LoadPseudoAnnotations``.

    Example:
        ``protocol=dict(type='PseudoLabelTrainingProtocol',
        job=dict(field='pseudo_sem_seg'), segmentor=dict(model=..., train_dataloader=
        dict(dataset=dict(_delete_=True, type='PascalVOCDataset', pipeline=[
        dict(type='LoadImageFromFile'), dict(type='LoadPseudoAnnotations'), ...]))))``
    """

    columns = {'pseudo-labels': 'pseudo/mIoU', 'mIoU': 'mIoU'}

    def __init__(
        self,
        segmentor: Mapping[str, Any],
        job: Mapping[str, Any] | None = None,
        labeler: Mapping[str, Any] | None = None,
        labeler_checkpoint: str | None = None,
    ) -> None:
        self.segmentor = segmentor
        check_settings(job=job, labeler=labeler)
        self.job = dict(job or {})
        self.labeler = dict(labeler or {})
        self.labeler_checkpoint = labeler_checkpoint

    def stages(self, cfg: Config) -> list[Stage]:
        """List the stages: the labeler, its labels, and the segmentor."""
        stages, previous = [], self.labeler_checkpoint
        if previous is None:
            labeler = self.stage_config(cfg, 'labeler', self.labeler)
            stages.append(Stage('labeler', labeler, 'the model that labels'))
            previous = labeler.work_dir
        labels = self.stage_config(cfg, 'labels', self.labeler)
        forget_pretraining(labels)
        labels.job = dict(type='PseudoLabelJob', checkpoint=previous, **self.job)
        stages.append(Stage('labels', labels, 'pseudo-labels'))
        # A copy, since `_delete_` is taken out of it where it is merged.
        overrides = copy.deepcopy(dict(self.segmentor))
        segmentor = self.stage_config(cfg, 'segmentor', overrides)
        folder = f'{labels.work_dir}/labels'
        if not set_arguments(
            segmentor.train_dataloader, 'LoadPseudoAnnotations', folder=folder
        ):
            raise ValueError(
                f'{cfg.filename}: train_dataloader of the segmentor needs a '
                "dict(type='LoadPseudoAnnotations') in its pipeline, which reads the "
                'labels'
            )
        stages.append(Stage('segmentor', segmentor, 'trains on the pseudo-labels'))
        return stages
