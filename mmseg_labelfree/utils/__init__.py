"""Checks and repairs of the installed framework, needed before it is used."""

from .checkpoint_compat import allow_checkpoint_classes
from .config_compat import mend_data_folder, mend_package_map
from .environment import check_environment


def register_all_modules(init_default_scope: bool = True) -> None:
    """Register everything, as ``mmengine.hub.get_model`` asks of each package.

    The import of the package has done that already.

    Args:
        init_default_scope: Has no effect; the scope is MMSegmentation's.
    """


__all__ = [
    'allow_checkpoint_classes',
    'check_environment',
    'mend_data_folder',
    'mend_package_map',
    'register_all_modules',
]
