"""Label maps from another folder than the dataset's own."""

import os
import os.path as osp
from typing import Any

from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS

from ...utils.files import image_name, reading
from .check_mask import CheckMask
from .pipelines import edit_pipeline

__all__ = ['LoadPseudoAnnotations', 'with_pseudo_annotations']


@TRANSFORMS.register_module()
class LoadPseudoAnnotations(LoadAnnotations):
    """Transform that loads a label map from a folder instead of the dataset's mask.

    The name of an image is its path below the image folder, without ending. Values
    are labels as they are: neither ``reduce_zero_label`` nor ``label_map`` applies.

    Args:
        folder: Folder of ``<image name>.png``, 8 bits in one channel, 255 = ignored.
        image_folder: The dataset's image folder; None for images whose names are their
            file names.
        **kwargs: As for MMSegmentation's ``LoadAnnotations``.

    Raises:
        FileNotFoundError: The image has no such file.
        ValueError: The file is damaged.

    Example:
        ``dict(type='LoadPseudoAnnotations', folder='work_dirs/x/clustering/labels')``
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        image_folder: str | os.PathLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.folder = str(folder)
        self.image_folder = image_folder

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Set ``seg_map_path`` and load it as ``gt_seg_map``, uint8 ``(H, W)``."""
        folder = self.image_folder or osp.dirname(results['img_path'])
        name = image_name(results['img_path'], folder)
        path = osp.join(self.folder, f'{name}.png')
        if not osp.isfile(path):
            raise FileNotFoundError(
                f'label map {path} does not exist: run the stage that makes it first, '
                'or use only the images that it lists'
            )
        results.update(seg_map_path=path, label_map=None, reduce_zero_label=False)
        remedy = 'delete it and finished.json of its stage; --resume makes it again'
        with reading(path, remedy):
            return super().transform(results)


def with_pseudo_annotations(
    pipeline: Any, folder: str | os.PathLike, image_folder: str | os.PathLike | None
) -> Any:
    """Copy a built pipeline and let each ``LoadAnnotations`` read another folder.

    Label maps are made of the photos as the pipeline loads them, turned or not, so a
    ``CheckMask`` is left out.

    Args:
        pipeline: ``mmengine.dataset.Compose``.
        folder: As for :class:`LoadPseudoAnnotations`.
        image_folder: As for :class:`LoadPseudoAnnotations`.
    """

    def edit(transform: Any) -> list:
        if isinstance(transform, LoadAnnotations):
            return [LoadPseudoAnnotations(folder, image_folder)]
        return [] if isinstance(transform, CheckMask) else [transform]

    return edit_pipeline(pipeline, edit)
