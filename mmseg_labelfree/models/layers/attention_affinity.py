"""Affinity of positions, read off the attention of a transformer."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.probabilities import full_precision
from ..utils.recording import recorded_inputs

__all__ = ['AttentionAffinity', 'AttentionRecord', 'attention_scores']


@MODELS.register_module()
class AttentionAffinity(BaseModule):
    r"""Layer that learns from attention which positions belong to one class (AFA).

    Ru et al., https://arxiv.org/abs/2203.02664, section 3.3:

    .. math:: A = \sigma(\mathrm{conv}_{1 \times 1}(S + S^\top))

    with :math:`S = q k^\top` before scaling and softmax, of all heads of all blocks of
    one stage of a MiT side by side. Gradients reach the attention.

    Args:
        in_channels: Heads of all blocks together: 16 for the last stage of MiT-B1.
        stage: Stage of the backbone. It must not reduce its keys (the last one does
            not). Defaults to -1.
        init_cfg: As in other modules. Defaults to that of the authors' code.

    Example:
        With a MiT: ``affinity=dict(type='AttentionAffinity', in_channels=16)``

        >>> layer = AttentionAffinity(in_channels=2)
        >>> a = layer(torch.rand(1, 2, 3, 3))
        >>> a.shape, bool((a == a.mT).all())
        (torch.Size([1, 3, 3]), True)
    """

    def __init__(
        self, in_channels: int, stage: int = -1, init_cfg: dict | None = None
    ) -> None:
        super().__init__(
            init_cfg
            or dict(
                type='Kaiming',
                layer='Conv2d',
                a=math.sqrt(5),
                mode='fan_out',
                nonlinearity='leaky_relu',
            )
        )
        self.in_channels = in_channels
        self.stage = stage
        self.projection = nn.Conv2d(in_channels, 1, 1)

    def forward(self, scores: Tensor) -> Tensor:
        """Compute the affinity of n positions.

        Args:
            scores: S, ``(N, in_channels, n, n)``.

        Returns:
            A, symmetric ``(N, n, n)``, 0 to 1, float32 (float64 for float64).
        """
        # Under autocast older versions of torch keep the weights that a pass without
        # gradient has rounded, and the pass that learns would leave them without one.
        with torch.autocast(scores.device.type, enabled=False):
            logits = self.projection(full_precision(scores + scores.mT))
        return logits[:, 0].sigmoid()

    def check(self, backbone: nn.Module) -> None:
        """Raise an error unless the attention of the backbone fits.

        Raises:
            TypeError: The backbone has no attention.
            ValueError: The stage reduces its keys, or has another number of heads.
        """
        blocks = self._blocks(backbone)
        if any(getattr(block, 'sr_ratio', 1) > 1 for block in blocks):
            raise ValueError(
                f'stage {self.stage} of {type(backbone).__name__} reduces its keys, so '
                'positions have no affinity: set affinity.stage to one with sr_ratio 1'
            )
        heads = sum(block.attn.num_heads for block in blocks)
        if heads != self.in_channels:
            raise ValueError(
                f'affinity.in_channels={self.in_channels}, but stage {self.stage} of '
                f'{type(backbone).__name__} has {heads} heads'
            )

    @contextmanager
    def recording(self, backbone: Any) -> Iterator['AttentionRecord']:
        """Record the attention of the stage while ``backbone`` runs, once.

        Layers of the stage that recompute their activations (``with_cp``) no longer do
        so: from what is recorded there no gradient would reach the backbone.

        Yields:
            The record, to be read after the pass.
        """
        blocks = self._blocks(backbone)
        for layer in backbone.layers[self.stage][1]:
            layer.with_cp = False
        with ExitStack() as stack:
            inputs = [stack.enter_context(recorded_inputs(b)) for b in blocks]
            yield AttentionRecord([block.attn for block in blocks], inputs)

    def _blocks(self, backbone: Any) -> list:
        """The attention blocks of the stage, of mmseg's ``MixVisionTransformer``."""
        try:
            blocks = [layer.attn for layer in backbone.layers[self.stage][1]]
            if all(isinstance(b.attn, nn.MultiheadAttention) for b in blocks):
                return blocks
        except (AttributeError, IndexError, TypeError):
            pass
        raise TypeError(
            f'{type(backbone).__name__} has no attention in stage {self.stage} to read '
            'affinities from: take a MixVisionTransformer, or set affinity=None'
        )


class AttentionRecord:
    """What the attention of several blocks was called with in one pass.

    Args:
        attentions: The attention modules.
        inputs: For each a list, to be filled by the pass, with tokens ``(N, n, D)``.
    """

    def __init__(
        self, attentions: list[nn.MultiheadAttention], inputs: list[list[Tensor]]
    ) -> None:
        self.attentions = attentions
        self.inputs = inputs

    def scores(self, num: int | None = None) -> Tensor:
        """Scores ``(N, heads of all blocks, n, n)``, of the first ``num`` images."""
        pairs = zip(self.attentions, self.inputs, strict=True)
        return torch.cat([attention_scores(a, x[-1][:num]) for a, x in pairs], 1)


def attention_scores(attention: nn.MultiheadAttention, tokens: Tensor) -> Tensor:
    r"""Compute :math:`q k^\top` of tokens with themselves, unscaled, in full precision.

    Args:
        attention: With one projection for query, key and value.
        tokens: ``(N, n, D)``.

    Returns:
        ``(N, heads, n, n)``, float32 (float64 for float64). The softmax of it, divided
        by the square root of D / heads, is the attention.
    """
    bias = attention.in_proj_bias
    num_rows = 2 * attention.embed_dim
    with torch.autocast(tokens.device.type, enabled=False):
        x = F.linear(
            full_precision(tokens),
            attention.in_proj_weight[:num_rows],
            None if bias is None else bias[:num_rows],
        )
        query, key = x.unflatten(2, (2, attention.num_heads, -1)).unbind(2)
        return query.transpose(1, 2) @ key.permute(0, 2, 3, 1)
