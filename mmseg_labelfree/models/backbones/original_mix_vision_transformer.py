"""MiT, the encoder of SegFormer, with the normalization of its authors."""

from mmseg.models.backbones import MixVisionTransformer
from mmseg.registry import MODELS


@MODELS.register_module()
class OriginalMixVisionTransformer(MixVisionTransformer):
    """MiT that computes what the authors' code computes.

    SegFormer (https://arxiv.org/abs/2105.15203); DAFormer and AFA run the same code.
    Its layer norms have two epsilons: 1e-6 in the blocks and after the stages, and
    torch's 1e-5 in the patch embeddings and after the spatial reductions.
    MMSegmentation has one for all. Nothing else differs, and weights fit both;
    ``tools/model_converters/mit_to_mmseg.py`` renames the authors'.

    Args:
        **kwargs: As for mmseg's ``MixVisionTransformer``, without ``norm_cfg``. Its
            ``drop_path_rate`` is 0 by default; the published runs have 0.1. AFA's last
            stage has stride 1: ``strides=[4, 2, 2, 1]``.

    Example:
        MiT-B5: ``backbone=dict(type='OriginalMixVisionTransformer', embed_dims=64,
        num_layers=[3, 6, 40, 3], num_heads=[1, 2, 5, 8], drop_path_rate=0.1)``
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(norm_cfg=dict(type='LN', eps=1e-6), **kwargs)
        for patch_embed, blocks, _ in self.layers:
            patch_embed.norm.eps = 1e-5
            for block in blocks:
                if block.attn.sr_ratio > 1:
                    block.attn.norm.eps = 1e-5
