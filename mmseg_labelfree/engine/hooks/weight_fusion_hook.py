"""Hook that fuses the weights before and after a step."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import EarlyStoppingHook, EMAHook, Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor, nn

from ...ops.weight_fusion import fuse_weights, new_share
from ...utils.checkpoint import load_weights
from ...utils.distributed import bare_model
from ...utils.files import atomic_path

UNFUSED = 'unfused.pth'


@HOOKS.register_module()
class WeightFusionHook(Hook):
    """Hook that ends a step with weights between the old and the new ones (EWF).

    After the last iteration of a step the model becomes
    :func:`~mmseg_labelfree.ops.weight_fusion.fuse_weights` of the previous step's
    weights and of what was learned, which costs nothing at test and is a method of
    its own on any class-incremental training (Endpoints Weight Fusion, Xiao et al.,
    CVPR 2023). The last checkpoint and what is validated are the fused model; the one
    before stays beside it as ``unfused.pth``. This happens in
    memory before the last checkpoint is written, so a run that was killed at any time
    and goes on fuses exactly once.

    Args:
        checkpoint: Checkpoint of the previous step, or its ``work_dir``. Defaults to
            None, as in step 0: nothing happens.
        fix_old_classifier: Whether the classifier's old rows, the background's
            included, stay as they are at the start of a step: all settings of the
            authors' scripts have it. Defaults to True.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: The checkpoint's weights are not those of this model with fewer
            classes; names them. Or there is an ``EMAHook`` or an
            ``EarlyStoppingHook``. Before the training.

    Example:
        ``custom_hooks=[dict(type='WeightFusionHook',
        checkpoint='work_dirs/voc_15-5/step_0')]``
    """

    priority = 'LOW'  # after hooks that load weights, before the checkpoint's

    def __init__(
        self, checkpoint: str | None = None, fix_old_classifier: bool = True
    ) -> None:
        self.checkpoint = checkpoint
        self.fix_old_classifier = fix_old_classifier
        self._old: dict[str, Tensor] = {}
        self._fixed: list[tuple[nn.Parameter, Tensor]] = []
        self._share = 1.0

    def check_model(self, model: Any, hooks: Sequence[Hook]) -> None:
        """Raise if another hook would save other weights than the fused ones."""
        for hook in hooks:
            if isinstance(hook, EMAHook | EarlyStoppingHook):
                raise ValueError(
                    f'WeightFusionHook and {type(hook).__name__} do not go together: '
                    'what is saved would be an average without fusion (EMAHook), or '
                    'weights from before it (EarlyStoppingHook); take one of them out '
                    'of custom_hooks'
                )

    def before_train(self, runner: Runner) -> None:
        """Read the previous step's weights, and note the classifier's old rows."""
        self.check_model(bare_model(runner.model), runner.hooks)
        if self.checkpoint is None:
            return
        self._old = load_weights(self.checkpoint)[0]
        model = bare_model(runner.model)
        new = model.state_dict()
        fuse_weights(self._old, new, 1.0)  # refuses what does not fit
        self._share = _share_of_new(self._old, new)
        if self.fix_old_classifier:
            self._fixed = list(_old_rows(model, self._old))

    @torch.no_grad()
    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Put the fixed rows back; fuse after the last iteration."""
        for parameter, start in self._fixed:
            parameter[: len(start)] = start
        if self._old and runner.iter + 1 == runner.max_iters:
            self._fuse(runner)

    def _fuse(self, runner: Runner) -> None:
        model = bare_model(runner.model)
        new = model.state_dict()
        if is_main_process():
            with atomic_path(Path(runner.work_dir) / UNFUSED) as path:
                torch.save(dict(state_dict=new), path)
        barrier()
        model.load_state_dict(fuse_weights(self._old, new, self._share))
        runner.logger.info(
            f'Weights fused: {self._share:.3f} of this step and '
            f'{1 - self._share:.3f} of {self.checkpoint}; those before are in '
            f'{UNFUSED}.'
        )


def _share_of_new(old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> float:
    """Share of the new weights, by the classes of the decode head.

    Raises:
        ValueError: The step adds no class to a ``conv_seg``.
    """
    key = 'decode_head.conv_seg.weight'
    added = len(new[key]) - len(old[key]) if key in new else 0
    if not added:
        raise ValueError(
            f'WeightFusionHook: this step adds no rows to {key}, so nothing says how '
            'much of it to keep: take the hook out, or correct its checkpoint'
        )
    return new_share(len(old[key]), added)


def _old_rows(
    model: nn.Module, old: Mapping[str, Tensor]
) -> Iterator[tuple[nn.Parameter, Tensor]]:
    """Each classifier that has grown, and what its old rows are now."""
    for key, parameter in model.named_parameters():
        if '.conv_seg.' in key and len(parameter) > len(old[key]):
            yield parameter, parameter.detach()[: len(old[key])].clone()
