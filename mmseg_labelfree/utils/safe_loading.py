"""Reading checkpoints without running what a foreign file may hold.

A checkpoint is a pickle, and a pickle may name any function that is to be called while
it is read. mmengine 0.10.7 leaves that to torch, which calls them all before version
2.6; later mmengines retry without protection what torch refused.
"""

import codecs
import pickle
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.runner import CheckpointLoader, checkpoint
from mmengine.utils import digit_version

from .checkpoint_compat import checkpoint_globals

__all__ = ['load_from_local', 'protect_checkpoint_loading']


def protect_checkpoint_loading() -> None:
    """Let mmengine read all checkpoints, local and of the web, by ``load_from_local``.

    That is what ``load_from``, ``--resume`` and ``init_cfg=dict(type='Pretrained')``
    use. Calling it again changes nothing.

    Example:
        >>> protect_checkpoint_loading()
    """
    CheckpointLoader.register_scheme('', load_from_local, force=True)
    checkpoint.load_url = _load_url


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Read a checkpoint as ``torch.load`` does, if it holds plain values alone.

    These are tensors, numbers, text, collections of them, and the classes of
    :func:`~mmseg_labelfree.utils.checkpoint_compat.allow_checkpoint_classes`.

    Args:
        filename: A local file.
        map_location: Where tensors go to, as in ``torch.load``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged or asks for anything else; nothing was called.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f'{filename} does not exist: correct the path, or get the file; '
            'data/README.md says where weights come from'
        )
    try:
        if digit_version(torch.__version__) >= digit_version('2.6.0'):
            return torch.load(path, map_location, weights_only=True)
        return torch.load(path, map_location, _PLAIN_PICKLE, weights_only=False)
    except _UNREADABLE as error:
        asked = re.search(r'GLOBAL (\S+)|(attribute \S+)', str(error))
        if asked is None:
            raise ValueError(
                f'{filename} is not a readable checkpoint: make or download it again'
            ) from error
        raise ValueError(
            f'{filename} was not loaded: it asks for {asked[1] or asked[2]}, and a '
            'checkpoint may hold tensors and plain values only. If you trust it, save '
            'its weights alone: '
            "torch.save(torch.load(old, weights_only=False)['state_dict'], new)"
        ) from error


class _PlainUnpickler(pickle.Unpickler):
    """What ``weights_only=True`` is from torch 2.6 on, with the same classes."""

    def find_class(self, module: str, name: str) -> Any:
        # Only older torch comes here, so this private name is there.
        from torch._weights_only_unpickler import _get_allowed_globals

        module = 'builtins' if module == '__builtin__' else module
        allowed = {name: value for value, name in checkpoint_globals()}
        allowed |= _get_allowed_globals() | _MORE
        if f'{module}.{name}' not in allowed:
            raise pickle.UnpicklingError(f'GLOBAL {module}.{name} is not allowed')
        return allowed[f'{module}.{name}']


def _load_plain(file: Any, **kwargs: Any) -> Any:
    return _PlainUnpickler(file, **kwargs).load()


# What random bytes end in, and refusals.
_UNREADABLE = (
    *(pickle.UnpicklingError, EOFError, LookupError),
    *(ValueError, TypeError, AttributeError),
)
# What newer torch allows besides, and numpy 1 needs for its bytes.
_MORE = {
    'builtins.bytearray': bytearray,
    'builtins.complex': complex,
    'collections.Counter': Counter,
    'builtins.set': set,
    '_codecs.encode': codecs.encode,
    'torch.device': torch.device,
    **{str(dtype): dtype for dtype in (torch.bool, torch.uint8, torch.bfloat16)},
}
# In the form of a module, as torch wants it.
_PLAIN_PICKLE = SimpleNamespace(
    Unpickler=_PlainUnpickler, load=_load_plain, __name__='plain_pickle'
)


def _load_url(
    url: str, model_dir: str | None = None, map_location: Any = None, progress=True
) -> Any:
    """Download a checkpoint to where torch keeps them, and read it."""
    folder = Path(model_dir or Path(torch.hub.get_dir(), 'checkpoints'))
    file = folder / Path(urlparse(url).path).name
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(file), progress=progress)
    return load_from_local(str(file), map_location)
