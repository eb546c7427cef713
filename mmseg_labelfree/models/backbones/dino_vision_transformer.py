"""ViT as DINO's code runs it, at any size of image."""

from typing import TYPE_CHECKING

from mmseg.registry import MODELS

if TYPE_CHECKING:
    from .dino_positions import VisionTransformerOfDINO


@MODELS.register_module()
def DINOVisionTransformer(**kwargs) -> 'VisionTransformerOfDINO':
    """ViT that resizes its position embedding as DINO's code does.

    DINO (https://arxiv.org/abs/2104.14294), iBOT and IDDC run the same code, see
    :func:`~mmseg_labelfree.models.backbones.dino_positions.resized_positions`. Images
    of the size it was trained with give what mmpretrain's ``VisionTransformer`` gives;
    nothing else differs, and weights fit both.
    ``tools/model_converters/vit_to_mmpretrain.py`` renames DINO's.

    Args:
        **kwargs: As for mmpretrain's ``VisionTransformer``, which is imported when the
            first one is built: the package does without mmpretrain.

    Example:
        ViT-S/8: ``backbone=dict(type='DINOVisionTransformer', arch='deit-small',
        img_size=224, patch_size=8, out_type='featmap')``
    """
    from .dino_positions import VisionTransformerOfDINO

    return VisionTransformerOfDINO(**kwargs)
