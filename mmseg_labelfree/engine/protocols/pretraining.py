"""Protocol of two trainings: a backbone without labels, and what builds on it."""

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmseg.registry import TASK_UTILS

from ...utils.choices import check_settings
from .base import Protocol, Stage
from .config_edit import take_from_run

__all__ = ['PretrainingProtocol']


@TASK_UTILS.register_module()
class PretrainingProtocol(Protocol):
    """Protocol that trains a backbone on the images themselves, and then the model.

    - ``pretraining`` is another config, as a rule a self-supervised one of MMPretrain.
      It trains on the images of this config's ``train_dataloader``, whatever its own
      are.
    - ``training`` is this config. Its backbone starts from the weights of the first
      stage.

    Args:
        pretraining: File of the config of the first stage.
        settings: Config overrides of the first stage.
        prefix: What the names of the backbone's weights start with in its checkpoint.

    Raises:
        ValueError: The first stage does not count its iterations, so that the name of
            its last checkpoint is not known.

    Example:
        ``protocol=dict(type='PretrainingProtocol',
        pretraining='configs/iddc/mocov3_vitthin8_demo_voc.py')``
    """

    columns = {'mIoU': 'mIoU', 'accuracy': 'aAcc'}

    def __init__(
        self,
        pretraining: str,
        settings: Mapping[str, Any] | None = None,
        prefix: str = 'backbone.',
    ) -> None:
        self.pretraining = pretraining
        check_settings(settings=settings)
        self.settings = dict(settings or {})
        self.prefix = prefix

    def stages(self, cfg: Config) -> list[Stage]:
        """List the stages: the backbone, and the model on it."""
        backbone = self._backbone_stage(cfg)
        model = self.stage_config(cfg, 'training')
        iters = backbone.train_cfg.max_iters
        model.model.backbone.init_cfg = dict(
            type='Pretrained',
            checkpoint=f'{backbone.work_dir}/iter_{iters}.pth',
            prefix=self.prefix,
        )
        return [
            Stage('pretraining', backbone, 'the backbone, without labels'),
            Stage('training', model, 'the model on it'),
        ]

    def _backbone_stage(self, cfg: Config) -> Config:
        """Config of the first stage, on the images of ``cfg``."""
        file = Config.fromfile(self.pretraining)
        file.work_dir = cfg.work_dir
        stage = self.stage_config(file, 'pretraining', self.settings)
        if 'max_iters' not in stage.train_cfg:
            raise ValueError(
                f'{self.pretraining} must train by iterations (train_cfg.max_iters)'
            )
        take_from_run(stage, cfg)
        own = stage.train_dataloader.dataset
        images = cfg.train_dataloader.dataset
        while 'dataset' in images:
            images = images['dataset']
        scope = cfg.get('default_scope', 'mmseg')
        name = images['type'] if '.' in images['type'] else f'{scope}.{images["type"]}'
        stage.train_dataloader.dataset = dict(images, type=name, pipeline=own.pipeline)
        return stage
