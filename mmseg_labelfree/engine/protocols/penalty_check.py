"""Check of the penalty of EWC, PI and RW against the rate of a stage."""

from mmengine.config import Config
from mmengine.dist import get_world_size

from ..hooks.parameter_importance import ParameterImportanceHook
from .base import Stage
from .config_edit import find_nodes


def check_penalty(stage: Stage) -> None:
    """Raise if SGD would diverge on the penalty of a ``ParameterImportanceHook``.

    The rate is the one that ``auto_scale_lr`` leads to with the processes there are.

    Raises:
        ValueError: It would; the message says which weight would do.
    """
    optimizer = stage.cfg.get('optim_wrapper', {}).get('optimizer', {})
    if optimizer.get('type') != 'SGD':
        return
    scale, batch = _scale(stage.cfg)
    where = f'{stage.name} with {batch} images a batch' if batch else stage.name
    for settings in find_nodes(
        stage.cfg.get('custom_hooks', []), 'ParameterImportanceHook'
    ):
        if settings.get('checkpoint') is not None:
            of_runner = ('type', 'priority')
            arguments = {k: v for k, v in settings.items() if k not in of_runner}
            hook = ParameterImportanceHook(**arguments)
            hook.check_stability({**optimizer, 'lr': optimizer.lr * scale}, where)


def _scale(cfg: Config) -> tuple[float, int | None]:
    """What ``Runner.scale_lr`` multiplies rates by, and the batch if it does."""
    settings = cfg.get('auto_scale_lr') or {}
    if not settings.get('enable'):
        return 1.0, None
    batch = get_world_size() * cfg.train_dataloader.batch_size
    return batch / settings['base_batch_size'], batch
