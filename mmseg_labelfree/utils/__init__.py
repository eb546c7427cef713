"""Checks and repairs of the installed framework, needed before it is used."""

from .checkpoint_compat import allow_checkpoint_classes
from .config_compat import mend_data_folder, mend_package_map
from .environment import check_environment

__all__ = [
    'allow_checkpoint_classes',
    'check_environment',
    'mend_data_folder',
    'mend_package_map',
]
