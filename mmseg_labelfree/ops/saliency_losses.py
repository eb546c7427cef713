"""Losses of binary saliency maps: structure and region beside single pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ['hybrid_saliency_loss', 'soft_iou_loss', 'structural_similarity']


def structural_similarity(
    x: Tensor, y: Tensor, window: int = 11, sigma: float = 1.5
) -> Tensor:
    r"""Compute the structural similarity (SSIM) of two maps around each pixel.

    .. math:: \frac{(2\mu_x\mu_y + c_1)(2\sigma_{xy} + c_2)}
        {(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)}

    with means and (co)variances under a Gaussian window, c1 = 0.01^2 and
    c2 = 0.03^2. Wang et al., Image quality assessment, 2004. Outside of the
    maps there are zeros, in both.

    Args:
        x: Floating point ``(N, C, H, W)`` in 0..1.
        y: Of the same shape.
        window: Side of the window in pixels, odd.
        sigma: Standard deviation of the window in pixels.

    Returns:
        float32 ``(N, C, H, W)``, at most 1.

    Example:
        >>> x = torch.full((1, 1, 3, 3), 0.5)
        >>> structural_similarity(x, x).min()
        tensor(1.)
    """
    x, y = x.float(), y.float()
    rows, columns = (
        _gaussian_band(size, window, sigma, x.device) for size in x.shape[2:]
    )
    # Under autocast, differences of the close numbers below would be lost.
    with torch.autocast(x.device.type, enabled=False):
        stacked = torch.stack([x, y, x * x, y * y, x * y])
        blurred = rows @ stacked @ columns
    mean_x, mean_y, xx, yy, xy = blurred
    var_x, var_y = xx - mean_x**2, yy - mean_y**2
    covariance = xy - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    return ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )


def _gaussian_band(
    size: int, window: int, sigma: float, device: torch.device
) -> Tensor:
    """Symmetric matrix ``(size, size)`` that blurs a line, with zeros beyond its ends.

    Products with it cost less than convolutions of single channels, mostly backwards.
    """
    position = torch.arange(size, device=device)
    offset = position - position[:, None]
    line = torch.arange(window, device=device) - window // 2
    total = torch.exp(-(line**2) / (2 * sigma**2)).sum()
    weight = torch.exp(-(offset**2) / (2 * sigma**2)) / total
    return weight.where(offset.abs() <= window // 2, 0)


def soft_iou_loss(x: Tensor, y: Tensor) -> Tensor:
    r"""Compute 1 minus the intersection over union of two soft masks, for each sample.

    .. math:: 1 - \frac{\sum xy}{\sum (x + y - xy)}

    BASNet eq. 6. Two empty masks cost 0; an empty ``y`` alone costs 1, without
    a gradient for ``x``.

    Args:
        x: Floating point ``(N, 1, H, W)`` in 0..1.
        y: Of the same shape.

    Returns:
        float32 ``(N,)``.

    Example:
        >>> mask = torch.tensor([[[[1.0, 0.0]]]])
        >>> soft_iou_loss(torch.ones_like(mask), mask)
        tensor([0.5000])
    """
    x, y = x.float().flatten(1), y.float().flatten(1)
    intersection = (x * y).sum(1)
    union = x.sum(1) + y.sum(1) - intersection
    return 1 - torch.where(union > 0, intersection / union.clamp(min=1e-6), 1)


def hybrid_saliency_loss(
    logits: Tensor, label: Tensor, ignore_index: int = 255
) -> dict[str, Tensor]:
    """Compute BASNet's losses of pixels, patches and the map (its eq. 4 to 6).

    Pixels that are ignored count as right with the value 0 in the patch and map
    losses, and not at all in the mean over pixels.

    Args:
        logits: Floating point ``(N, 1, H, W)``, before the sigmoid.
        label: Integer ``(N, H, W)``: 1 = object, 0 = background, or ``ignore_index``.
        ignore_index: Label of pixels that do not count.

    Returns:
        ``bce``, ``ssim`` and ``iou``, each a float32 scalar. Without a valid pixel all
        are 0.

    Raises:
        ValueError: The shapes do not fit.

    Example:
        >>> label = torch.ones(1, 4, 4, dtype=torch.long)
        >>> loss = hybrid_saliency_loss(torch.zeros(1, 1, 4, 4), label)
        >>> loss['bce'], loss['iou']
        (tensor(0.6931), tensor(0.5000))
    """
    if logits.shape[1:2] != (1,) or logits[:, 0].shape != label.shape:
        raise ValueError(
            f'logits {tuple(logits.shape)} must be (N, 1, H, W) and label '
            f'{tuple(label.shape)} (N, H, W)'
        )
    valid = (label != ignore_index).unsqueeze(1)
    target = ((label == 1).unsqueeze(1) & valid).float()
    logits = logits.float()
    count = valid.sum().clamp(min=1)
    bce = F.binary_cross_entropy_with_logits(
        logits, target, valid.float(), reduction='sum'
    )
    x = logits.sigmoid() * valid
    similarity = structural_similarity(x, target)
    return dict(
        bce=bce / count,
        ssim=((1 - similarity) * valid).sum() / count,
        iou=soft_iou_loss(x, target).mean(),
    )
