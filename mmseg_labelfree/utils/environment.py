"""Check that the frameworks below this package can be imported."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module

# In the order in which they need each other. ``mmseg.models`` stands for itself
# because mmsegmentation 1.2.2 imports with mmcv-lite, and only its models fail.
_MODULES = ('torch', 'mmengine', 'mmcv', 'mmseg', 'mmseg.models', 'mmseg.datasets')

_ADVICE = (
    'run `pip install -e ".[mminstall]"` in the checkout or '
    '`pip install "mmseg_labelfree[mminstall]"`'
)


def check_environment() -> None:
    """Import torch, mmengine, mmcv and mmseg, or say which one is at fault.

    The modules are the ones that every part of the package imports later, so a
    successful check costs nothing beyond those imports. What they print or warn of is
    dropped. It changes neither mmengine's default scope nor any random state.

    Raises:
        ImportError: If a module is missing or fails while it is imported, such as
            mmsegmentation 1.2.2 beside an mmcv it does not accept, or beside mmcv-lite,
            which has no ``mmcv._ext``. The message is one line: the module, the
            original error and the command that installs the tested versions. The
            original error is chained.

    Example:
        >>> check_environment()
    """
    for name in _MODULES:
        try:
            with _quiet():
                import_module(name)
        except Exception as error:  # whatever a foreign module raises on import
            reason = ' '.join(f'{type(error).__name__}: {error}'.split())
            raise ImportError(
                f'mmseg_labelfree needs {name}, which cannot be imported '
                f'({reason}); {_ADVICE}'
            ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Context that drops what the frameworks say of optional parts as they load."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter('ignore')
        yield
