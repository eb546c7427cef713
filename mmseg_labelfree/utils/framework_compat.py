"""What the frameworks have under private names alone.

Such names stand here, and elsewhere only where they cannot:

- ``ops/foreach.py`` and ``ops/compiling.py``, since ``ops`` imports none of this;
- ``config_compat.py``, which mends configs before the frameworks are imported;
- ``safe_loading.py``, for torch below 2.6;
- methods that a subclass overrides or calls because its base has no public ones:
  checkpoints (``_save_checkpoint_with_step``, ``_save_best_checkpoint``), masks
  (``_load_seg_map``), heads (``_transform_inputs``, ``_forward_feature``), backbones of
  MMPretrain (``_format_output``), and torch's state dicts (``_load_from_state_dict``,
  ``_save_to_state_dict``).

``tests/utils/test_framework_compat.py`` finds each of them in the code, and says
whether the frameworks at hand have it.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from mmengine.runner import Runner
from mmseg.apis import MMSegInferencer
from mmseg.models import SegDataPreProcessor
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm
from torch.optim import Optimizer

__all__ = [
    'BatchNorm',
    'add_state_dict_hook',
    'checks_overflow',
    'mend_inferencer',
    'mend_loaders',
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


def mend_loaders() -> None:
    """Let ``num_workers=0`` work with any loader of a config.

    torch refuses ``persistent_workers=True`` and a ``prefetch_factor`` without workers,
    and so one setting would need three. Calling it again changes nothing.

    Example:
        >>> mend_loaders()
    """
    build = Runner.build_dataloader
    if getattr(build, 'mended', False):
        return

    @wraps(build)
    def mended(dataloader: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(dataloader, Mapping) and not dataloader.get('num_workers', 0):
            of_workers = ('persistent_workers', 'prefetch_factor')
            dataloader = {k: v for k, v in dataloader.items() if k not in of_workers}
        return build(dataloader, *args, **kwargs)

    mended.mended = True  # type: ignore[attr-defined]
    Runner.build_dataloader = staticmethod(mended)


def mend_inferencer() -> None:
    """Let ``MMSegInferencer`` find the pipeline of a dataset below its wrappers.

    It looks for ``cfg.test_dataloader.dataset.pipeline`` and no deeper. Calling it
    again changes nothing.

    Example:
        >>> mend_inferencer()
    """
    init = MMSegInferencer._init_pipeline
    if getattr(init, 'mended', False):
        return

    @wraps(init)
    def mended(self: MMSegInferencer, cfg: Any) -> Any:
        dataset = cfg.test_dataloader.dataset
        while 'pipeline' not in dataset and 'dataset' in dataset:
            dataset = dataset['dataset']
        cfg.test_dataloader.dataset = dataset
        return init(self, cfg)

    mended.mended = True  # type: ignore[attr-defined]
    MMSegInferencer._init_pipeline = mended


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
