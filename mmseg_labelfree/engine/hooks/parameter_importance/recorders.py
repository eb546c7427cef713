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
    """Recorder of EWC: the Fisher diagonal, a running average.

    Args:
        params: As for :class:`ImportanceRecorder`.
        alpha: Weight of the newest squared gradient, above 0 and at most 1.
        old: Maps of the previous step whose Fisher diagonal the average starts from;
            empty for a start at one.
    """

    def __init__(self, params: Sequence[Tensor], alpha: float, old: State) -> None:
        super().__init__(params)
        self.alpha = alpha
        self.state['fisher'] = initial_fisher(params, old)

    def before_update(self, active: list[int]) -> None:
        """Update the Fisher diagonal."""
        grads = gradients(pick(self.params, active))
        update_fisher_(pick(self.state['fisher'], active), grads, self.alpha)

    def importance(self, state: State, old: State) -> State:
        """Return the map ``fisher``."""
        return {'fisher': state['fisher']}


class PathScoreRecorder(ImportanceRecorder):
    """Base class of PI's recorders: the score of a path integral, added to the old one.

    Args:
        params: As for :class:`ImportanceRecorder`.
        eps: Added to the denominator of the score, above 0.
    """

    def __init__(self, params: Sequence[Tensor], eps: float) -> None:
        super().__init__(params)
        self.eps = eps
        self.state['path'] = [torch.zeros_like(p) for p in params]
        self.state['start'] = [p.detach().clone() for p in params]

    def importance(self, state: State, old: State) -> State:
        """Return the map ``score``, summed over all steps so far."""
        params = [p.detach().cpu() for p in self.params]
        distance = list(foreach.sub(params, state['start']))
        score = path_integral_score(state['path'], distance, self.eps)
        for rows, before in old_rows(score, old, 'score'):
            rows.add_(before)
        return {'score': score}


class PathIntegralRecorder(PathScoreRecorder):
    """Recorder of PI as in the paper: each gradient times the update that follows.

    Args:
        params: As for :class:`ImportanceRecorder`.
        eps: As for :class:`PathScoreRecorder`.
    """

    def __init__(self, params: Sequence[Tensor], eps: float) -> None:
        super().__init__(params, eps)
        self._grads = [torch.empty_like(p) for p in params]
        self._before = [torch.empty_like(p) for p in params]

    def before_update(self, active: list[int]) -> None:
        """Keep gradients and parameters."""
        params = pick(self.params, active)
        # A copy, because the penalty will be added to the gradient.
        foreach.copy_(pick(self._grads, active), gradients(params))
        foreach.copy_(pick(self._before, active), params)

    def after_update(self, active: list[int]) -> None:
        """Extend the path integral."""
        super().after_update(active)
        lists = self.state['path'], self._grads, self._before, self.params
        accumulate_path_(*(pick(tensors, active) for tensors in lists))


class RiemannianWalkRecorder(PathIntegralRecorder):
    """Recorder of RW as in the paper: Fisher diagonal, and scores of intervals.

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
            pick(self.state['fisher'], active), pick(self._grads, active), self.alpha
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
        average_scores_(score, old)
        return {'fisher': state['fisher'], 'score': score}


def gradients(params: Sequence[Tensor]) -> list[Tensor]:
    """Return ``.grad`` of parameters that all have one."""
    return [p.grad for p in params if p.grad is not None]


def pick(tensors: list[Tensor], active: list[int]) -> list[Tensor]:
    """Return the ``active`` ones of a list."""
    return tensors if len(active) == len(tensors) else [tensors[i] for i in active]


def initial_fisher(params: Sequence[Tensor], old: State) -> list[Tensor]:
    """Return the Fisher diagonal of the maps ``old``, one where they have none."""
    fisher = [torch.ones_like(p, requires_grad=False) for p in params]
    for rows, before in old_rows(fisher, old, 'fisher'):
        rows.copy_(before)
    return fisher


def average_scores_(score: list[Tensor], old: State) -> None:
    """Average scores with the old ones, where there are any (RW)."""
    for rows, before in old_rows(score, old, 'score'):
        rows.add_(before).mul_(0.5)


def old_rows(
    tensors: list[Tensor], old: State, key: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Each tensor's rows that have an old map, and that map."""
    if not old:
        return
    for new, before in zip(tensors, old[key], strict=True):
        if before is not None:
            rows = new if new.shape == before.shape else new[: len(before)]
            yield rows, before
