"""Training in the channels-last memory layout."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...utils.distributed import bare_model


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Store convolution weights, and so all feature maps, channels last.

    The layout that mixed-precision convolutions run in, on GPUs with tensor cores and
    on CPUs (there about a quarter off a bfloat16 step). Values and checkpoints stay
    the same up to rounding. A frozen teacher is converted too.

    Example:
        ``custom_hooks=[dict(type='ChannelsLastHook')]``
    """

    priority = 'LOWEST'  # after the hooks that load weights or set a teacher

    def before_train(self, runner: Runner) -> None:
        """Convert the model, and its teacher if it has one."""
        model = bare_model(runner.model)
        for part in (model, vars(model).get('_teacher')):
            if part is not None:
                part.to(memory_format=torch.channels_last)
