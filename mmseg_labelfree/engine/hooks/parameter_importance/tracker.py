"""Recording and penalty, attached to an optimizer."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .penalty import ImportancePenalty, Previous, check_kind, classifier_rows
from .recorders import ImportanceRecorder, State


class ImportanceTracker:
    """Tracker that runs a recorder and a penalty in every ``optimizer.step()``.

    Args:
        kind: ``importance``, 'ewc', 'pi' or 'rw', and ``official``, whether it is the
            variant of MiB's code.
        params: The trainable parameters by name.
        recorder: Recorder of that kind, of these parameters in this order.
        penalty: Penalty whose gradient is added after the recorder has seen the task's.
        previous: What the previous step has saved.
        optimizer: Optimizer of the parameters.
    """

    def __init__(
        self,
        kind: Mapping[str, Any],
        params: Mapping[str, Tensor],
        recorder: ImportanceRecorder,
        penalty: ImportancePenalty | None,
        previous: Previous,
        optimizer: Optimizer,
    ) -> None:
        self.kind = dict(kind)
        self.params = dict(params)
        self.recorder = recorder
        self.penalty = penalty
        self._previous = previous
        self._active: list[int] = []
        self._handles = [
            optimizer.register_step_pre_hook(self._before_step),
            optimizer.register_step_post_hook(self._after_step),
        ]

    def detach(self) -> None:
        """Remove the tracker from the optimizer."""
        for handle in self._handles:
            handle.remove()

    @torch.no_grad()
    def entry(self) -> dict[str, Any]:
        """Return the entry: importance for the next step, state for resuming."""
        state = {k: [t.cpu() for t in v] for k, v in self.recorder.state.items()}
        maps = self.recorder.importance(state, self._previous.maps)
        return dict(
            **self.kind,
            rows=classifier_rows(self.params, self._previous.rows),
            maps=self._by_name(maps),
            state=self._by_name(state),
            num_updates=self.recorder.num_updates,
        )

    def restore(self, entry: Mapping[str, Any]) -> None:
        """Continue from what :meth:`entry` returned before an interruption.

        Raises:
            ValueError: The entry holds importance of another kind, or of other
                parameters.
        """
        check_kind(entry, self.kind, 'the checkpoint to resume from')
        for key, tensors in self.recorder.state.items():
            saved = entry['state'][key]
            if set(saved) != set(self.params):
                raise ValueError(
                    'the checkpoint to resume from has other trainable parameters than '
                    f'the model: {sorted(set(saved) ^ set(self.params))[:5]}'
                )
            for name, tensor in zip(self.params, tensors, strict=True):
                tensor.copy_(saved[name])
        self.recorder.num_updates = entry['num_updates']

    def _by_name(self, lists: State) -> dict[str, dict[str, Tensor]]:
        return {
            key: dict(zip(self.params, tensors, strict=True))
            for key, tensors in lists.items()
        }

    @torch.no_grad()
    def _before_step(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        params = enumerate(self.params.values())
        self._active = [i for i, p in params if p.grad is not None]
        if self._active:
            self.recorder.before_update(self._active)
        if self.penalty is not None:
            self.penalty.add_gradient()

    @torch.no_grad()
    def _after_step(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        if self._active:
            self.recorder.after_update(self._active)
