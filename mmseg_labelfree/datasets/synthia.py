"""SYNTHIA-RAND-CITYSCAPES with the 19 classes of Cityscapes."""

from mmseg.registry import DATASETS

from .foreign_cityscapes import ForeignCityscapesDataset
from .transforms.load_foreign_annotations import LoadSynthiaAnnotations

__all__ = ['SynthiaDataset']


@DATASETS.register_module()
class SynthiaDataset(ForeignCityscapesDataset):
    """Dataset of rendered street scenes, with the classes of Cityscapes.

    Ros, Sellart, Materzynska, Vazquez and Lopez, "The SYNTHIA Dataset" (CVPR 2016),
    part SYNTHIA-RAND-CITYSCAPES: 9 400 images of 1280x760 in ``RGB/NAME.png``, masks
    in ``GT/LABELS/NAME.png``. They are mapped to trainIds while they are loaded, by
    :class:`~mmseg_labelfree.datasets.transforms.LoadSynthiaAnnotations`, which takes
    the place of each ``LoadAnnotations``. Terrain, truck and train never occur; papers
    average the IoU of the 16 other classes, or of 13, without wall, fence and pole too.

    Args:
        img_suffix: Ending of the image files.
        seg_map_suffix: Ending of the mask files.
        **kwargs: Further arguments of ``mmseg.datasets.BaseSegDataset``.

    Raises:
        ValueError: While loading, for a mask of another encoding.

    Example:
        ``dict(type='SynthiaDataset', data_root='data/synthia', data_prefix=dict(
        img_path='RGB', seg_map_path='GT/LABELS'), pipeline=[...])``
    """

    loader = LoadSynthiaAnnotations
