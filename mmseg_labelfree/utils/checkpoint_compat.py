"""Let ``torch.load(..., weights_only=True)`` read mmengine's own checkpoints.

From torch 2.6 on that is the default, and it refuses every class that is not on its
list. mmengine's checkpoints hold log histories and numpy values next to the weights;
mmengine 0.10.7 and older do not allow them and so cannot resume from their own files.
"""

import pickle
from typing import Any


def allow_checkpoint_classes() -> None:
    """Allow the classes that a checkpoint of mmengine's Runner contains.

    These are ``HistoryBuffer`` (the log histories of the message hub), ``ConfigDict``
    (settings kept in a dataset's meta information), numpy arrays, and numpy scalars
    (such as ``best_score``) of the boolean and number types. Nothing else becomes
    loadable. Files written under numpy 1 and numpy 2 name numpy's functions
    differently; both names are allowed. Calling it again changes nothing, and below
    torch 2.6 there is nothing to do.

    Example:
        Before ``torch.load('work_dirs/x/iter_2.pth', weights_only=True)``:

        >>> allow_checkpoint_classes()
    """
    # Imported here so that check_environment can report what is missing first.
    import torch
    from mmengine.utils import digit_version

    if digit_version(torch.__version__) < digit_version('2.6.0'):
        return
    # Pairs instead of bare classes: mmengine 0.10.8 and newer allows bare classes for
    # the time of one load and afterwards takes them off the list, ours included.
    torch.serialization.add_safe_globals(checkpoint_globals())


def checkpoint_globals() -> list[Any]:
    """Pairs: each class of :func:`allow_checkpoint_classes`, its name in a file."""
    import numpy as np
    from mmengine.config import ConfigDict
    from mmengine.logging import HistoryBuffer

    dtypes = {type(np.dtype(code)) for code in '?bBhHiIlLqQefd'}
    classes: list[type] = [HistoryBuffer, ConfigDict, np.ndarray, np.dtype, *dtypes]
    named: list[Any] = [
        (cls, f'{cls.__module__}.{cls.__qualname__}') for cls in classes
    ]
    # numpy's own way to rebuild an array and a scalar, wherever this version keeps it
    rebuilds: list[Any] = [
        value.__reduce__()[0] for value in (np.ones(1), np.float64())
    ]
    for rebuild in rebuilds:
        for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
            named.append((rebuild, f'{module}.{rebuild.__name__}'))
    named.append((_history_statistic, 'builtins.getattr'))
    return named


def _history_statistic(owner: Any, name: str) -> Any:
    """Stand in for ``getattr`` while a checkpoint is read.

    A ``HistoryBuffer`` is pickled with references to its own methods, its only use of
    ``getattr``; a general ``getattr`` would let a file reach any attribute.
    """
    from mmengine.logging import HistoryBuffer

    if owner is not HistoryBuffer or name.startswith('_'):
        raise pickle.UnpicklingError(
            f'the checkpoint asks for attribute {name!r} of {owner!r}; only '
            'statistics of HistoryBuffer are allowed'
        )
    return getattr(owner, name)
