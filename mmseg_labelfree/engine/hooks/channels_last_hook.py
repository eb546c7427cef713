"""Hook that trains in the channels-last memory layout."""

import gc
import logging

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from ...models.teachers import networks_of
from ...utils.distributed import bare_model


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Hook that stores convolution weights, and so all feature maps, channels last.

    The layout that mixed-precision convolutions run in, on GPUs with tensor cores and
    on CPUs (there about a quarter off a bfloat16 step). Values and checkpoints stay
    the same up to rounding. A frozen teacher is converted too.

    It is converted as training begins, since random weights are drawn in the order of
    the memory. With several processes the converted model is wrapped anew: DDP lays
    out its buckets by the weights that it is given, and would put the elements of the
    first gradient in the wrong order otherwise.

    On a CPU a model with a strided 1x1 convolution of fewer than 16 input channels
    stays as it is, and a warning names the layer: torch 2.15 writes past the end of its
    memory there in this layout (seen with AVX-512), which ends in a crash at best.

    Example:
        ``custom_hooks=[dict(type='ChannelsLastHook')]``
    """

    priority = 'LOWEST'  # after the hooks that load weights or set a teacher

    def before_train(self, runner: Runner) -> None:
        """Convert the model, and its teacher if it has one."""
        model = bare_model(runner.model)
        unsafe = _unsafe_layer(model)
        if unsafe is not None:
            print_log(
                f'ChannelsLastHook: the layout stays as it is, because of {unsafe}, a '
                'strided 1x1 convolution of few channels on a CPU',
                logger='current',
                level=logging.WARNING,
            )
            return
        for network in networks_of(model):
            network.to(memory_format=torch.channels_last)
        if is_model_wrapper(runner.model):
            runner.model = model
            gc.collect()  # the hooks of the old wrapper go with it
            runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)


def _unsafe_layer(model: nn.Module) -> str | None:
    """Name of a layer for which torch's CPU kernels fail in this layout, if any."""
    for name, layer in model.named_modules():
        if (
            isinstance(layer, nn.Conv2d)
            and layer.kernel_size == (1, 1)
            and max(layer.stride) > 1
            and layer.in_channels < 16
            and layer.weight.device.type == 'cpu'
        ):
            return name
    return None
