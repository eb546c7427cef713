"""Sums of features over masks that are finer than the features."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ['masked_feature_sum']


def masked_feature_sum(features: Tensor, mask: Tensor) -> Tensor:
    r"""Compute the sum over a mask of features that are upsampled to its size.

    With U the bilinear upsampling this is :math:`m^T U f`, computed as
    :math:`(U^T m)^T f`: the mask goes down rather than the features up, which for 2048
    channels at 512 x 512 would take 2 GB an image.

    Args:
        features: Floating point ``(N, C, h, w)``.
        mask: Bool or floating point ``(N, H, W)``.

    Returns:
        float32 ``(N, C)``, without gradient.

    Raises:
        ValueError: The numbers of images differ.

    Example:
        >>> mask = torch.tensor([[[True, True], [False, False]]])
        >>> masked_feature_sum(torch.tensor([[[[3.0]], [[5.0]]]]), mask)
        tensor([[ 6., 10.]])
    """
    if len(features) != len(mask):
        raise ValueError(f'{len(features)} images, but {len(mask)} masks')
    with torch.enable_grad():
        small = torch.zeros(
            (len(mask), 1, *features.shape[2:]),
            device=features.device,
            requires_grad=True,
        )
        large = F.interpolate(
            small, mask.shape[1:], mode='bilinear', align_corners=False
        )
    # The gradient of a linear map is its transpose.
    (weight,) = torch.autograd.grad(large, small, mask.unsqueeze(1).float())
    with torch.autocast(features.device.type, enabled=False):
        return torch.einsum('nchw,nhw->nc', features.detach().float(), weight[:, 0])
