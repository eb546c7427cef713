"""Hook that draws the clusters of some images."""

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...utils.cluster_names import name_clusters
from ...utils.distributed import bare_model
from ...utils.files import image_name
from ...visualization.panels import loaded_picture, write_panels
from ..inference.media import Frame
from ..inference.predictor import Predictor

__all__ = ['ClusterPanelHook']


@HOOKS.register_module()
class ClusterPanelHook(Hook):
    """Hook that writes a sheet of training images and their clusters at the end.

    No mask is needed. The images run through ``test_pipeline`` of the config; the sheet
    is ``clusters_of_images.png`` in the work dir, one row an image.

    Args:
        num_images: Number of images, evenly spread over the training images.

    Raises:
        ValueError: The config has no ``test_pipeline``; at the start of the training.

    Example:
        ``custom_hooks=[dict(type='ClusterPanelHook', num_images=8)]``
    """

    def __init__(self, num_images: int = 8) -> None:
        self.num_images = num_images

    def before_train(self, runner: Runner) -> None:
        """Check that there is a pipeline for the pictures."""
        if not runner.cfg.get('test_pipeline'):
            raise ValueError(
                'ClusterPanelHook needs test_pipeline, the transforms of an image '
                'before it is clustered, at the top of the config'
            )

    @master_only
    def after_train(self, runner: Runner) -> None:
        """Write the sheet."""
        model: Any = bare_model(runner.model)
        model.eval()
        predictor = Predictor(model, runner.cfg.test_pipeline)
        drawn = list(predictor(self._frames(runner.train_dataloader.dataset)))
        clusters = name_clusters(None, model.num_classes)
        write_panels(
            Path(runner.work_dir) / 'clusters_of_images.png',
            {
                'image': [loaded_picture(p.image) for p in drawn],
                'clusters': [p.labels for p in drawn],
            },
            clusters['palette'],
            clusters['classes'],
            rows=[p.frame.name for p in drawn],
        )

    def _frames(self, dataset: Any) -> list[Frame]:
        number = min(self.num_images, len(dataset))
        places = np.linspace(0, len(dataset) - 1, number).round().astype(int)
        files = [dataset.get_data_info(int(i))['img_path'] for i in places]
        return [Frame(image_name(f, Path(f).parent), Path(f)) for f in files]
