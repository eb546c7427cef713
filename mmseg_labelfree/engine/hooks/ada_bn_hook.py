"""Hook that adapts batch norm to unlabeled images before a test."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...models.teachers import networks_of
from ...ops.collectives import average_over_processes_
from ...utils.choices import check_range
from ...utils.distributed import bare_model
from ...utils.framework_compat import BatchNorm


@HOOKS.register_module()
class AdaBNHook(Hook):
    """Hook that estimates batch norm's statistics again, on images of the target.

    AdaBN (https://arxiv.org/abs/1603.04779), a cheap baseline of domain adaptation that
    works with any trained network that has batch norm: before a validation or test the
    running statistics become the mean of those of unlabeled target batches; weights
    stay. Afterwards the old statistics are back, so training and checkpoints know
    nothing of it. A segmentor's moving-average teacher is adapted as well.

    Args:
        dataloader: Config of a loader of target images. Labels are not looked at;
            several images a batch, shuffled, are better than one.
        num_batches: Batches of each process to look at. None for all.

    Raises:
        ValueError: The model has no batch norm.

    Example:
        ``custom_hooks=[dict(type='AdaBNHook', dataloader=target_dataloader)]``
    """

    priority = 'VERY_LOW'  # after the hook that loads a teacher

    def __init__(self, dataloader: dict, num_batches: int | None = None) -> None:
        if num_batches is not None:
            check_range(1, num_batches=num_batches)
        self.dataloader = dataloader
        self.num_batches = num_batches
        self._before: list[tuple[BatchNorm, dict[str, Any]]] = []

    def before_val(self, runner: Runner) -> None:
        """Adapt the model and its teacher."""
        loader = runner.build_dataloader(self.dataloader, seed=runner.seed)
        self._before = []
        for network in networks_of(bare_model(runner.model)):
            self._adapt(network, loader)

    def after_val(self, runner: Runner) -> None:
        """Restore the statistics of the training."""
        for norm, state in self._before:
            norm.load_state_dict(state)

    def before_test(self, runner: Runner) -> None:
        """Adapt the model and its teacher."""
        self.before_val(runner)

    def after_test(self, runner: Runner) -> None:
        """Restore the statistics of the training."""
        self.after_val(runner)

    @torch.no_grad()
    def _adapt(self, model: Any, loader: Any) -> None:
        norms = [
            module
            for module in model.modules()
            if isinstance(module, BatchNorm) and module.running_mean is not None
        ]
        if not norms:
            raise ValueError(
                f'AdaBNHook: {type(model).__name__} has no batch norm to adapt; take '
                'the hook out'
            )
        self._before += [(norm, _copy(norm.state_dict())) for norm in norms]
        model.eval()
        momentum = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over the batches
            norm.train()
        for index, batch in enumerate(loader):
            if index == self.num_batches:
                break
            data = model.data_preprocessor(batch, False)
            model(data['inputs'], mode='tensor')
        for norm, value in zip(norms, momentum, strict=True):
            norm.momentum = value
            norm.eval()
        statistics: list[Any] = []
        for norm in norms:
            statistics += [norm.running_mean, norm.running_var]
        average_over_processes_(statistics)


def _copy(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value.clone() for name, value in state.items()}
