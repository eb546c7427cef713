"""Recorders of what the importance of parameters is computed from."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ....ops import foreach
from ....ops.parameter_importance import (
    accumulate_path_,
    path_integral_score,
    riemannian_score,
    update_fisher_,
)

#: Lists of one tensor per parameter, by name.
State = dict[str, list[Tensor]]


class ImportanceRecorder(ABC):
    """Base class of recorders, called before and after every update of the parameters.

    Args:
        params: The trainable parameters, with their values at the start of the step.

    Attributes:
        state: All that a resumed training needs, one tensor per parameter in each
            list; subclasses change the tensors in place.
        num_updates: Updates seen so far.
    """

    def __init__(self, params: Sequence[Tensor]) -> None:
        self.params = list(params)
        self.state: State = {}
        self.num_updates = 0

    @abstractmethod
    def before_update(self, active: list[int]) -> None:
        """Read the task gradient from ``.grad`` of the ``active`` parameters."""

    def after_update(self, active: list[int]) -> None:
        """Read the new values of the ``active`` parameters."""
        self.num_updates += 1

    @abstractmethod
    def importance(self, state: State, old: State) -> State:
        """Compute the importance maps after this step, on the CPU.

        Args:
            state: :attr:`state` on the CPU; is not changed.
            old: The maps of the previous step, empty in the first. They are None for a
                parameter without importance, and have fewer rows than the parameter
                where a classifier has grown.
        """


class FisherRecorder(ImportanceRecorder):
    """Recorder of EWC: the Fisher diagonal of this step alone, as in MiB's code.

    Args:
        params: As for :class:`ImportanceRecorder`.
        alpha: Weight of the newest squared gradient, above 0 and at most 1.
    """

    def __init__(self, params: Sequence[Tensor], alpha: float) -> None:
        super().__init__(params)
        self.alpha = alpha
        self.state['fisher'] = [torch.ones_like(p) for p in params]

    def before_update(self, active: list[int]) -> None:
        """Update the Fisher diagonal."""
        grads = gradients(_pick(self.params, active))
        update_fisher_(_pick(self.state['fisher'], active), grads, self.alpha)

    def importance(self, state: State, old: State) -> State:
        """Return the map ``fisher``."""
        return {'fisher': state['fisher']}


class PathIntegralRecorder(ImportanceRecorder):
    """Recorder of PI: the path integral of the step, added to the old score.

    Args:
        params: As for :class:`ImportanceRecorder`.
        eps: Added to the denominator of the score, above 0.
    """

    def __init__(self, params: Sequence[Tensor], eps: float) -> None:
        super().__init__(params)
        self.eps = eps
        self.state['path'] = [torch.zeros_like(p) for p in params]
        self.state['start'] = [p.detach().clone() for p in params]
        self._grads = [torch.empty_like(p) for p in params]
        self._before = [torch.empty_like(p) for p in params]

    def before_update(self, active: list[int]) -> None:
        """Keep gradients and parameters."""
        params = _pick(self.params, active)
        # A copy, because the penalty will be added to the gradient.
        foreach.copy_(_pick(self._grads, active), gradients(params))
        foreach.copy_(_pick(self._before, active), params)

    def after_update(self, active: list[int]) -> None:
        """Extend the path integral."""
        super().after_update(active)
        lists = self.state['path'], self._grads, self._before, self.params
        accumulate_path_(*(_pick(tensors, active) for tensors in lists))

    def importance(self, state: State, old: State) -> State:
        """Return the map ``score``, summed over all steps so far."""
        params = [p.detach().cpu() for p in self.params]
        distance = list(foreach.sub(params, state['start']))
        score = path_integral_score(state['path'], distance, self.eps)
        for rows, before in _old_rows(score, old):
            rows.add_(before)
        return {'score': score}


class RiemannianWalkRecorder(PathIntegralRecorder):
    """Recorder of RW: the Fisher diagonal, and the scores of intervals of updates.

    Within a step the scores of the intervals are added up, an unfinished one at the end
    is left out. After it the sum is averaged with the old score.

    Args:
        params: As for :class:`ImportanceRecorder`.
        alpha: As for :class:`FisherRecorder`.
        interval: Updates between two scores.
        eps: As for :class:`PathIntegralRecorder`.
    """

    def __init__(
        self, params: Sequence[Tensor], alpha: float, interval: int, eps: float
    ) -> None:
        # The start is that of the current interval.
        super().__init__(params, eps)
        self.alpha = alpha
        self.interval = interval
        self.state['fisher'] = [torch.ones_like(p) for p in params]
        self.state['score'] = [torch.zeros_like(p) for p in params]

    def before_update(self, active: list[int]) -> None:
        """Keep gradients and parameters, update the Fisher diagonal."""
        super().before_update(active)
        update_fisher_(
            _pick(self.state['fisher'], active), _pick(self._grads, active), self.alpha
        )

    def after_update(self, active: list[int]) -> None:
        """Extend the path integral; at the end of an interval add its score."""
        super().after_update(active)
        if self.num_updates % self.interval:
            return
        path, start = self.state['path'], self.state['start']
        distance = list(foreach.sub(self.params, start))
        score = riemannian_score(path, distance, self.state['fisher'], self.eps)
        foreach.add_(self.state['score'], score)
        foreach.zero_(path)
        foreach.copy_(start, self.params)

    def importance(self, state: State, old: State) -> State:
        """Return the maps ``fisher`` of this step and ``score`` of all steps so far."""
        score = [s.clone() for s in state['score']]
        for rows, before in _old_rows(score, old):
            rows.add_(before).mul_(0.5)
        return {'fisher': state['fisher'], 'score': score}


def gradients(params: Sequence[Tensor]) -> list[Tensor]:
    """Return ``.grad`` of parameters that all have one."""
    return [p.grad for p in params if p.grad is not None]


def _pick(tensors: list[Tensor], active: list[int]) -> list[Tensor]:
    return tensors if len(active) == len(tensors) else [tensors[i] for i in active]


def _old_rows(score: list[Tensor], old: State) -> Iterator[tuple[Tensor, Tensor]]:
    """Each score's rows that have an old score, and the old score."""
    if not old:
        return
    for new, before in zip(score, old['score'], strict=True):
        if before is not None:
            rows = new if new.shape == before.shape else new[: len(before)]
            yield rows, before
