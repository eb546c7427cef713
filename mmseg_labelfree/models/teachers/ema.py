"""A teacher whose weights are the moving average of the student's."""

import copy
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ...utils.choices import check_choice

__all__ = ['BUFFER_MODES', 'WeightAverage', 'copy_student', 'ramped_momentum']

BUFFER_MODES = ('copy', 'ema', 'own')


def ramped_momentum(update: int, momentum: float, ramp: bool = True) -> float:
    r"""Share of the old teacher in update ``update``, counted from 0.

    With the ramp it is :math:`\min(1 - 1 / (update + 1), momentum)`: update 0 copies
    the student, and the teacher is the plain mean of all students until ``momentum``
    is reached (U2PL's code; Mean Teacher, https://arxiv.org/abs/1703.01780).
    """
    return min(1 - 1 / (update + 1), momentum) if ramp else momentum


def copy_student(student: nn.Module, without: Sequence[str] = ()) -> nn.Module:
    """A copy of the student as its teacher: same class, weights and device.

    Args:
        student: The segmentor. A teacher that it carries already is not copied.
        without: Names of children and of buffers that the copy goes without (they
            are None there), for instance a memory bank.
    """
    carried = student.__dict__.pop('_teacher', None)
    memo = {id(getattr(student, name)): None for name in without}
    try:
        return copy.deepcopy(student, memo)
    finally:
        if carried is not None:
            student.__dict__['_teacher'] = carried


class WeightAverage:
    r"""Moves a teacher's weights towards the student's, U2PL eq. 2.

    .. math:: \theta_t \leftarrow m\,\theta_t + (1 - m)\,\theta_s

    Weights are matched by their names. An update is a handful of fused operations for
    all weights together, in place.

    Args:
        student: Source of the weights.
        teacher: Target; has every parameter of the student, or leaves out whole
            children of it.
        buffers: What becomes of the teacher's buffers, that is of the running
            statistics of batch norm: 'copy' takes the student's; 'ema' averages them
            like weights (integers are copied); 'own' leaves them alone, for a
            teacher that runs in train mode and keeps its own. Only buffers in
            the ``state_dict`` count.

    Raises:
        ValueError: ``buffers`` is unknown, or the teacher has weights that the student
            has not, or in other shapes; names the first one.
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        buffers: Literal['copy', 'ema', 'own'] = 'copy',
    ) -> None:
        check_choice('buffers', buffers, BUFFER_MODES)
        self.buffers = buffers
        theirs = dict(teacher.named_parameters())
        mine = dict(student.named_parameters())
        self._parameters = _paired(theirs, mine)
        names = teacher.state_dict().keys() - theirs.keys()
        theirs = {k: v for k, v in teacher.named_buffers() if k in names}
        mine = dict(student.named_buffers())
        floating, rest = _paired(theirs, mine), ([], [])
        if buffers == 'ema':
            both = list(zip(*floating, strict=True))
            floating, rest = (
                ([t for t, _ in part], [s for _, s in part])
                for part in (
                    [(t, s) for t, s in both if t.is_floating_point()],
                    [(t, s) for t, s in both if not t.is_floating_point()],
                )
            )
        self._buffers, self._integers = floating, rest

    @torch.no_grad()
    def update(self, momentum: float) -> None:
        """Do one step; ``momentum`` is the share of the old teacher (0 copies)."""
        _average(*self._parameters, momentum)
        if self.buffers == 'copy':
            _average(*self._buffers, 0.0)
        elif self.buffers == 'ema':
            _average(*self._buffers, momentum)
            _average(*self._integers, 0.0)


def _average(teacher: list[Tensor], student: list[Tensor], momentum: float) -> None:
    if not teacher:
        return
    if momentum == 0:
        torch._foreach_copy_(teacher, student)
    else:
        torch._foreach_lerp_(teacher, student, 1 - momentum)


def _paired(
    teacher: dict[str, Tensor], student: dict[str, Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    for name, values in teacher.items():
        if name not in student or student[name].shape != values.shape:
            raise ValueError(
                f"the teacher's {name} {tuple(values.shape)} has no counterpart of "
                'that shape in the student; both must come from one config'
            )
    return list(teacher.values()), [student[name] for name in teacher]
