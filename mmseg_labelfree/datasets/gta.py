"""GTA5 with the 19 classes of Cityscapes."""

from mmseg.registry import DATASETS

from .foreign_cityscapes import ForeignCityscapesDataset
from .transforms.load_foreign_annotations import LoadGTAAnnotations

__all__ = ['GTADataset']


@DATASETS.register_module()
class GTADataset(ForeignCityscapesDataset):
    """Dataset of the game's street scenes, with the classes of Cityscapes.

    Richter, Vineet, Roth and Koltun, "Playing for Data" (ECCV 2016): 24 966 images,
    mostly of 1914x1052, in ``images/NAME.png``, and palette PNGs of Cityscapes' label
    ids in ``labels/NAME.png``. They are mapped to trainIds while they are loaded, by
    :class:`~mmseg_labelfree.datasets.transforms.LoadGTAAnnotations`, which takes the
    place of each ``LoadAnnotations``.

    Args:
        img_suffix: Ending of the image files.
        seg_map_suffix: Ending of the mask files.
        **kwargs: Further arguments of ``mmseg.datasets.BaseSegDataset``.

    Raises:
        ValueError: While loading, for a mask of another encoding.

    Example:
        ``dict(type='GTADataset', data_root='data/gta', data_prefix=dict(
        img_path='images', seg_map_path='labels'), pipeline=[...])``
    """

    loader = LoadGTAAnnotations
