"""A teacher whose weights are the moving average of the student's."""

import copy
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ...ops import foreach
from ...utils.choices import check_choice

__all__ = ['BUFFER_MODES', 'WeightAverage', 'copy_student', 'ramped_momentum']

BUFFER_MODES = ('copy', 'ema', 'own')


def ramped_momentum(
    update: int | Tensor, momentum: float, ramp: bool = True
) -> float | Tensor:
    r"""Compute the share of the old teacher in update ``update``, counted from 0.

    With the ramp it is :math:`\min(1 - 1 / (update + 1), momentum)`: update 0 copies
    the student, and the teacher is the plain mean of all students until ``momentum``
    is reached (U2PL's code; Mean Teacher, https://arxiv.org/abs/1703.01780).

    Args:
        update: An int, or a 0-dim integer tensor that the device counts.
        momentum: Largest share, 0 to 1.
        ramp: Whether the share rises; otherwise it is ``momentum``.

    Returns:
        A float; with a tensor and the ramp a float32 tensor of its device.
    """
    if not ramp:
        return momentum
    share = 1 - 1 / (update + 1)
    if isinstance(share, Tensor):
        return share.clamp(max=momentum)
    return min(share, momentum)


def copy_student(student: nn.Module, without: Sequence[str] = ()) -> nn.Module:
    """Copy the student as its teacher: same class, weights and device.

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
    r"""Average that moves a teacher's weights toward the student's (U2PL+, eq. 2).

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
        self._parameters = _columns(
            _pairs(dict(teacher.named_parameters()), dict(student.named_parameters()))
        )
        weights = teacher.state_dict()
        own = {name: v for name, v in teacher.named_buffers() if name in weights}
        rest = _pairs(own, dict(student.named_buffers()))
        floats = [x.is_floating_point() and buffers == 'ema' for x, _ in rest]
        names = [] if buffers == 'own' else [*zip(own, floats, strict=True)]
        self._averaged = [_place(teacher, student, n) for n, mean in names if mean]
        self._copied = [_place(teacher, student, n) for n, mean in names if not mean]

    @torch.no_grad()
    def update(self, momentum: float | Tensor, skip: Tensor | None = None) -> None:
        """Do one step.

        Args:
            momentum: Share of the old teacher (0 copies); a 0-dim tensor of the
                weights' device if that alone knows it.
            skip: 0-dim bool tensor of that device: True leaves the teacher as it was.
                Nobody waits for it.
        """
        teachers, students = self._parameters
        own, others = _tensors(self._averaged)
        for (teacher, student), share in (
            ((teachers + own, students + others), momentum),
            (_tensors(self._copied), 0.0),
        ):
            if not teacher:
                continue
            if skip is not None:
                pairs = zip(teacher, student, strict=True)
                student = [torch.where(skip, own, other) for own, other in pairs]
            if isinstance(share, Tensor):
                weight = 1 - share
                weights = [weight.to(own.dtype) for own in teacher]
                foreach.lerp_(teacher, student, weights)
            elif share == 0:
                foreach.copy_(teacher, student)
            else:
                foreach.lerp_(teacher, student, 1 - share)


def _pairs(
    teacher: Mapping[str, Tensor], student: Mapping[str, Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """The teacher's tensors, each with its counterpart in the student."""
    for name, values in teacher.items():
        if name not in student or student[name].shape != values.shape:
            raise ValueError(
                f"the teacher's {name} {tuple(values.shape)} has no counterpart of "
                'that shape in the student; both must come from one config'
            )
    return [(values, student[name]) for name, values in teacher.items()]


def _columns(pairs: list[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    return [own for own, _ in pairs], [other for _, other in pairs]


def _place(
    teacher: nn.Module, student: nn.Module, name: str
) -> tuple[nn.Module, nn.Module, str]:
    """The modules that hold a buffer, and its name there."""
    path, _, own = name.rpartition('.')
    return teacher.get_submodule(path), student.get_submodule(path), own


def _tensors(
    places: list[tuple[nn.Module, nn.Module, str]],
) -> tuple[list[Tensor], list[Tensor]]:
    """The buffers as they are now: a module may set others (``EMAHead`` does)."""
    return _columns([(getattr(t, name), getattr(s, name)) for t, s, name in places])
