"""Registries of the scope ``mmseg_labelfree``, empty children of MMSegmentation's.

Components are registered in MMSegmentation's own registries. MMEngine gives what it
reads from ``_base_ = 'mmseg_labelfree::...'`` the name of the package as its scope, and
looks for a module like this one; a child finds all that its parents have.
"""

from mmengine.registry import Registry
from mmseg import registry as parents

__all__ = ['NODES']

NODES = {
    name: Registry(node.name, parent=node, scope='mmseg_labelfree')
    for name, node in vars(parents).items()
    if isinstance(node, Registry)
}
"""The registries, by the name that MMSegmentation's have."""
