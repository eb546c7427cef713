"""A teacher network that a segmentor carries but does not own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from mmcv.cnn import is_norm
from mmseg.models import EncoderDecoder
from mmseg.utils import SampleList
from torch import nn

from ...utils.choices import check_choice

TEACHER_MODES = ('eval', 'train', 'train_norm')


def networks_of(model: nn.Module) -> list[nn.Module]:
    """List a model and the teacher that it carries, if it does."""
    teacher = vars(model).get('_teacher')
    return [model] if teacher is None else [model, teacher]


class TeacherMixin:
    """Mixin of segmentors with a teacher outside parameters and ``state_dict``.

    The teacher is stored past :meth:`torch.nn.Module.__setattr__`: it is in no
    checkpoint, no optimizer, no DDP bucket, and ``model.train()`` never reaches it.
    A hook hands it over before training, and says so by ``gives_teacher = True``: the
    fixed model of an earlier stage
    (:class:`~mmseg_labelfree.engine.hooks.FrozenTeacherHook`) or the moving average of
    the student (:class:`~mmseg_labelfree.engine.hooks.EMATeacherHook`).
    """

    missing_teacher = (
        "add dict(type='FrozenTeacherHook', checkpoint=...) to custom_hooks"
    )
    """What to do where a teacher is needed and there is none."""

    def needs_teacher(self, data_samples: SampleList) -> bool:
        """Whether a batch with such samples needs a teacher; False by default."""
        return False

    def check_teacher(self, data_samples: SampleList) -> None:
        """Raise a ValueError if such samples need a teacher that is not there."""
        if self.needs_teacher(data_samples):
            try:
                _ = self.teacher
            except AttributeError as error:
                raise ValueError(str(error)) from error

    def set_teacher(self, teacher: EncoderDecoder) -> None:
        """Take ``teacher`` in evaluation mode, without gradients."""
        self.__dict__['_teacher'] = teacher.eval().requires_grad_(False)

    @property
    def teacher(self) -> EncoderDecoder:
        """The teacher.

        Raises:
            AttributeError: No teacher was set. It is of this class so that
                ``torch.jit.trace``, which looks at all attributes, passes over it.
        """
        return self.__getattr__('teacher')

    def __getattr__(self, name: str) -> Any:
        if name != 'teacher':
            return super().__getattr__(name)  # type: ignore[misc]
        teacher = self.__dict__.get('_teacher')
        if teacher is None:
            raise AttributeError(
                f'{type(self).__name__} has no teacher: {self.missing_teacher}'
            )
        return teacher

    @contextmanager
    def teacher_in_mode(
        self, mode: Literal['eval', 'train', 'train_norm'] = 'eval'
    ) -> Iterator[EncoderDecoder]:
        """The teacher in another mode; afterwards it is in evaluation mode again.

        Args:
            mode: 'eval'; 'train': normalization by the batch, which updates the running
                statistics, and dropout (U2PL's code); 'train_norm': normalization by
                the batch without dropout and drop path (DAFormer's code,
                https://arxiv.org/abs/2111.14887).

        Raises:
            ValueError: ``mode`` is unknown.
        """
        check_choice('teacher_mode', mode, TEACHER_MODES)
        teacher = self.teacher.train(mode == 'train')
        if mode == 'train_norm':
            for module in filter(is_norm, teacher.modules()):
                module.train()
        try:
            yield teacher
        finally:
            teacher.eval()
