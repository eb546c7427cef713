"""The first samples of a training, drawn and looked at before it trains."""

import copy
import itertools
from collections.abc import Mapping, Sequence, Sized
from typing import Any

from mmengine.config import Config
from mmengine.dataset import InfiniteSampler, pseudo_collate
from mmseg.registry import HOOKS, MODELS
from torch.utils.data import DataLoader

from ...models.teachers.mixin import TeacherMixin

__all__ = ['check_samples', 'first_samples', 'is_endless', 'least_batch']


def first_samples(loader: DataLoader) -> list[dict[str, Any]]:
    """Draw a sample of each source that is in the first batch of a loader.

    Whatever fails in a pipeline, fails here.

    Args:
        loader: Of a training, without workers.

    Returns:
        What the pipelines give.
    """
    batch = list(itertools.islice(iter(loader.sampler), loader.batch_size))
    one_each = {getattr(index, 'source', None): index for index in batch}
    return [loader.dataset[index] for index in one_each.values()]


def is_endless(sampler: Any) -> bool:
    """Whether a sampler goes on after an epoch."""
    return isinstance(sampler, InfiniteSampler) or getattr(sampler, 'infinite', False)


def least_batch(loader: DataLoader) -> int:
    """Images of the smallest batch: the last one of an epoch, where epochs end."""
    size, sampler = loader.batch_size or 1, loader.sampler
    if loader.drop_last or is_endless(sampler) or not isinstance(sampler, Sized):
        return size
    return len(sampler) % size or size


def check_samples(
    cfg: Config, model: Any, samples: Sequence[Mapping], num_images: int
) -> None:
    """Ask a model whether it can learn from samples; most models take any.

    Args:
        cfg: Config of the training, for its data preprocessor.
        model: The segmentor, on any device.
        samples: What pipelines gave.
        num_images: Images of the smallest batch of a process.

    Raises:
        ValueError: ``check_batch`` of the model has refused, or it needs a teacher and
            no hook gives one.
    """
    settings = cfg.model.get('data_preprocessor') or cfg.get('data_preprocessor')
    asks = hasattr(model, 'check_batch') or isinstance(model, TeacherMixin)
    if not (asks and samples and isinstance(settings, Mapping)):
        return
    preprocessor = MODELS.build(copy.deepcopy(settings))  # that of the model is empty
    batch = preprocessor(pseudo_collate(list(samples)), training=True)
    if hasattr(model, 'check_batch'):
        model.check_batch(batch['inputs'], batch['data_samples'], num_images)
    if isinstance(model, TeacherMixin) and not _gives_teacher(cfg):
        model.check_teacher(batch['data_samples'])


def _gives_teacher(cfg: Config) -> bool:
    """Whether a hook hands a teacher to the model before it trains."""
    for hook in cfg.get('custom_hooks') or ():
        kind = hook['type'] if isinstance(hook, Mapping) else hook
        found = HOOKS.get(kind) if isinstance(kind, str) else kind
        if getattr(found, 'gives_teacher', False):
            return True
    return False
