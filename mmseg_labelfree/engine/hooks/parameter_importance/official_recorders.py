"""Recorders of PI and RW as MiB's code has them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ....ops import foreach
from ....ops.parameter_importance import (
    accumulate_path_,
    riemannian_score,
    update_fisher_,
)
from .recorders import (
    ImportanceRecorder,
    PathScoreRecorder,
    State,
    average_scores_,
    gradients,
    initial_fisher,
    pick,
)


class OfficialPathIntegralRecorder(PathScoreRecorder):
    """Recorder of PI as in MiB's code: each gradient times the update before it.

    Args:
        params: As for :class:`ImportanceRecorder`.
        eps: As for :class:`PathScoreRecorder`.
    """

    def __init__(self, params: Sequence[Tensor], eps: float) -> None:
        super().__init__(params, eps)
        self.state['previous'] = [p.detach().clone() for p in params]

    def before_update(self, active: list[int]) -> None:
        """Extend the path integral by the previous update, and keep the parameters."""
        params = pick(self.params, active)
        path, before = (pick(self.state[k], active) for k in ('path', 'previous'))
        accumulate_path_(path, gradients(params), before, params)
        foreach.copy_(before, params)


class OfficialRiemannianWalkRecorder(ImportanceRecorder):
    """Recorder of RW as in MiB's code: scores of single gradients.

    At the first update of each interval the gradient there, and no other, is multiplied
    with the way since the last such update. What is added up has signs, and is cut
    off at 0 after the step.

    Args:
        params: As for :class:`ImportanceRecorder`.
        alpha: As for :class:`FisherRecorder`.
        interval: Updates between two scores.
        eps: Added to the denominator of a score, above 0.
        old: As for :class:`FisherRecorder`.
    """

    def __init__(
        self,
        params: Sequence[Tensor],
        alpha: float,
        interval: int,
        eps: float,
        old: State,
    ) -> None:
        super().__init__(params)
        self.alpha = alpha
        self.interval = interval
        self.eps = eps
        self.state['fisher'] = initial_fisher(params, old)
        self.state['score'] = [torch.zeros_like(p) for p in params]
        # Equal to the parameters at the first update, whose score is then 0.
        self.state['start'] = [p.detach().clone() for p in params]

    def before_update(self, active: list[int]) -> None:
        """Add the score of an interval that ends here, update the Fisher diagonal."""
        params = pick(self.params, active)
        if self.num_updates % self.interval == 0:
            self._add_score(params, active)
        fisher = pick(self.state['fisher'], active)
        update_fisher_(fisher, gradients(params), self.alpha)

    def _add_score(self, params: list[Tensor], active: list[int]) -> None:
        fisher, total, start = (
            pick(self.state[key], active) for key in ('fisher', 'score', 'start')
        )
        distance = list(foreach.sub(start, params))
        path = list(foreach.mul(gradients(params), distance))
        score = riemannian_score(path, distance, fisher, self.eps, signed=True)
        foreach.add_(total, score)
        foreach.copy_(start, params)

    def importance(self, state: State, old: State) -> State:
        """Return the maps ``fisher`` of this step and ``score`` of all steps so far."""
        score = [s.clamp(min=0) for s in state['score']]
        average_scores_(score, old)
        return {'fisher': state['fisher'], 'score': score}
