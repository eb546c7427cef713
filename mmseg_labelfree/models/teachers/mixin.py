"""A fixed teacher network that a segmentor carries but does not own."""

from torch import nn


class FrozenTeacherMixin:
    """Gives a segmentor a frozen teacher outside its parameters and ``state_dict``.

    The teacher is stored past :meth:`torch.nn.Module.__setattr__`: it is in no
    checkpoint, no optimizer, no DDP bucket, and ``model.train()`` never reaches it.
    :class:`~mmseg_labelfree.engine.hooks.FrozenTeacherHook` builds it, loads it, moves
    it to the segmentor's device and hands it over before training.
    """

    missing_teacher = (
        "add dict(type='FrozenTeacherHook', checkpoint=...) to custom_hooks"
    )
    """What to do where a teacher is needed and there is none."""

    def set_teacher(self, teacher: nn.Module) -> None:
        """Take ``teacher`` in evaluation mode, without gradients."""
        self.__dict__['_teacher'] = teacher.eval().requires_grad_(False)

    @property
    def teacher(self) -> nn.Module:
        """The teacher.

        Raises:
            RuntimeError: No teacher was set.
        """
        teacher = self.__dict__.get('_teacher')
        if teacher is None:
            raise RuntimeError(
                f'{type(self).__name__} has no teacher: {self.missing_teacher}'
            )
        return teacher
