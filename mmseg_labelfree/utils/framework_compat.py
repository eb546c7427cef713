"""What the frameworks have under private names alone, used from this one place."""

from collections.abc import Callable
from typing import Any

from mmseg.models import SegDataPreProcessor
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm
from torch.optim import Optimizer

__all__ = [
    'BatchNorm',
    'add_state_dict_hook',
    'checks_overflow',
    'swaps_colors',
]


def swaps_colors(preprocessor: SegDataPreProcessor) -> bool:
    """Whether a data preprocessor reverses the channels of color images.

    mmsegmentation 1.2.2 calls that ``channel_conversion``; mmengine, and with it the
    maintained fork of mmsegmentation, ``_channel_conversion``.

    Example:
        >>> swaps_colors(SegDataPreProcessor(bgr_to_rgb=True))
        True
    """
    names = 'channel_conversion', '_channel_conversion'
    return any(getattr(preprocessor, name, False) for name in names)


def checks_overflow(optimizer: Optimizer) -> bool:
    """Whether an optimizer takes scaled gradients and looks for overflows itself.

    Fused ones do; other optimizers are not called by the scaler when one occurred.
    """
    return getattr(optimizer, '_step_supports_amp_scaling', False)


def add_state_dict_hook(
    module: nn.Module, hook: Callable[[nn.Module, dict[str, Any], str, dict], None]
) -> None:
    """Let ``hook`` change what ``state_dict()`` gives; public from torch 2.5 on.

    Args:
        module: Module whose weights they are.
        hook: Called with the module, its weights, their prefix and their metadata.
    """
    public = getattr(module, 'register_state_dict_post_hook', None)
    (public or module._register_state_dict_hook)(hook)
