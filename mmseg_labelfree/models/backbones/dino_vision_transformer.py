"""ViT as DINO's code runs it, at any size of image."""

from typing import TYPE_CHECKING

from mmseg.registry import MODELS

if TYPE_CHECKING:
    from .dino_positions import VisionTransformerOfDINO


@MODELS.register_module()
def DINOVisionTransformer(**kwargs) -> 'VisionTransformerOfDINO':
    """ViT that runs as DINO's code does: its positions, and the norm on each output.

    DINO (https://arxiv.org/abs/2104.14294), DINOv2 (https://arxiv.org/abs/2304.07193),
    iBOT and IDDC resize the position embedding in one way, see
    :func:`~mmseg_labelfree.models.backbones.dino_positions.resized_positions`, and send
    the output of any block through the last layer norm; mmpretrain's
    ``VisionTransformer`` does that for the last block alone. Images of the size it was
    trained with give the same outputs of the last block. Weights fit both;
    ``tools/model_converters/vit_to_mmpretrain.py`` renames the published ones.

    Rows and columns of pixels that fill no patch are left out; a pipeline avoids that
    with ``dict(type='ResizeToMultiple', size_divisor=14)``.

    Args:
        **kwargs: As for mmpretrain's ``VisionTransformer``, which is imported when the
            first one is built: the package does without mmpretrain.

    Example:
        DINO's ViT-S/8: ``backbone=dict(type='DINOVisionTransformer', arch='deit-small',
        img_size=224, patch_size=8, out_type='featmap')``; four levels of DINOv2's
        ViT-S/14: ``backbone=dict(type='DINOVisionTransformer', arch='dinov2-small',
        img_size=518, patch_size=14, layer_scale_init_value=1e-5,
        out_indices=(2, 5, 8, 11), out_type='featmap')``
    """
    from .dino_positions import VisionTransformerOfDINO

    return VisionTransformerOfDINO(**kwargs)
