"""Layer that scores classes by their embeddings."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .summed_aspp import SummedASPP

__all__ = ['SemanticProjection']


class SemanticProjection(nn.Module):
    r"""Layer that scores classes by inner products of embeddings and fixed vectors.

    SPNet (STRICT, eq. 1; https://arxiv.org/abs/2104.11692):
    :math:`s_c = w_c^T \phi(x)` with the embedding :math:`\phi(x) = E x + b` of a pixel
    and the vector :math:`w_c` of a class, which does not learn.

    Two linear maps in a row are one, :math:`s = (W E) x + W b`, so the pixels'
    embeddings are never computed: the layer's kernels are multiplied with the class
    vectors, and one convolution has as many outputs as there are classes. Scores and
    gradients are the same numbers up to rounding. For DeepLabV2 with 600 numbers an
    embedding and 20 classes that saves 29 of 30 multiplications of the head. Kernels
    are multiplied in the type of the vectors, float32, also under autocast.

    The product is written to checkpoints as well, as ``weight`` and ``bias``, as an
    ordinary classifier calls its parameters: a checkpoint loads into MMSegmentation's
    own head, without the embeddings. When one is read, they are only compared. The
    class vectors are no part of a checkpoint: they are data, from a file.

    Args:
        embed: Layer with D outputs whose kernels and bias are ``weight`` and ``bias``.
        vectors: ``(C, D)``, float32.
        class_sets: Indices of the classes of each set, for :attr:`class_set`.

    Attributes:
        class_set: Set whose scores :meth:`forward` gives; None for all C.
    """

    vectors: Tensor

    def __init__(
        self,
        embed: nn.Conv2d | SummedASPP,
        vectors: Tensor,
        class_sets: dict[str, list[int]],
    ) -> None:
        super().__init__()
        self.embed = embed
        self.register_buffer('vectors', vectors, persistent=False)
        for name, classes in class_sets.items():
            index = torch.tensor(classes, dtype=torch.int64)
            self.register_buffer(f'index_{name}', index, persistent=False)
        self.class_set: str | None = None

    def classes(self) -> Tensor:
        """Return the indices of the classes of the current set, int64, ascending."""
        if self.class_set is None:
            return torch.arange(len(self.vectors), device=self.vectors.device)
        return getattr(self, f'index_{self.class_set}')

    def forward(self, x: Tensor) -> Tensor:
        """Compute scores ``(N, classes, h, w)`` of features ``(N, in, h, w)``."""
        vectors = self.vectors
        if self.class_set is not None:
            vectors = vectors[self.classes()]
        with torch.autocast(x.device.type, enabled=False):
            parameters = self._classifier(vectors)
        return _convolve(self.embed, x, **parameters)

    def _classifier(self, vectors: Tensor) -> dict[str, Tensor]:
        """Kernels and biases that give the scores of some classes."""
        parameters = dict(weight=_kernels(vectors, self.embed.weight))
        if self.embed.bias is not None:
            parameters['bias'] = vectors @ self.embed.bias.to(vectors)
        return parameters

    @torch.no_grad()
    def _save_to_state_dict(
        self, destination: dict, prefix: str, keep_vars: bool
    ) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for name, value in self._classifier(self.vectors).items():
            destination[f'{prefix}{name}'] = value

    @torch.no_grad()
    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        weight = state_dict.pop(f'{prefix}weight', None)
        state_dict.pop(f'{prefix}bias', None)
        embed = state_dict.get(f'{prefix}embed.weight')
        if weight is not None and embed is not None:
            self._compare(weight, embed, prefix, error_messages=args[-1])
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _compare(
        self, weight: Tensor, embed: Tensor, prefix: str, error_messages: list[str]
    ) -> None:
        """Refuse a checkpoint that was trained with other class vectors."""
        vectors = self.vectors
        same = len(weight) == len(vectors) and len(embed) == vectors.shape[1]
        if same:
            product = _kernels(vectors, embed.to(vectors.device))
            difference = (product - weight.to(product)).abs().max()
            same = bool(difference <= 1e-3 * product.abs().max() + 1e-6)
        if not same:
            error_messages.append(
                f'{prefix}weight was made with other class embeddings or classes: the '
                f'model has {len(vectors)} classes of {vectors.shape[1]} numbers, the '
                f'checkpoint {len(weight)} of {len(embed)}'
                + (
                    ''
                    if len(weight) != len(vectors)
                    else '; compare `embeddings` and the order of `classes`'
                )
            )

    def extra_repr(self) -> str:
        """Format the settings, for ``print(model)``."""
        num_classes, size = self.vectors.shape
        return f'{num_classes} classes, {size} numbers each'


def _convolve(
    embed: nn.Conv2d | SummedASPP, x: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Run a layer with other kernels; ``functional_call`` cannot be traced."""
    if isinstance(embed, SummedASPP):
        return embed.convolve(x, weight, bias)
    geometry: Any = embed.stride, embed.padding, embed.dilation, embed.groups
    return F.conv2d(x, weight, bias, *geometry)


def _kernels(vectors: Tensor, weight: Tensor) -> Tensor:
    """Kernels that give class scores instead of embeddings."""
    return (vectors @ weight.to(vectors).flatten(1)).view(-1, *weight.shape[1:])
