"""Hook that maintains a moving-average teacher of the segmentor."""

from collections.abc import Sequence
from typing import Any, Literal

from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner, weights_to_cpu
from mmseg.registry import HOOKS
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from ...models.teachers.ema import WeightAverage, copy_student, ramped_momentum
from ...utils.distributed import bare_model
from .checkpoint_entry_hook import CheckpointEntryHook


@HOOKS.register_module()
class EMATeacherHook(CheckpointEntryHook):
    """Hook that makes the moving average of the student's weights its teacher.

    The segmentor must have ``set_teacher``, as
    :class:`~mmseg_labelfree.models.segmentors.MeanTeacherEncoderDecoder` has. The
    teacher starts as a copy of the student and moves after each step of the
    optimizer: not after iterations that only accumulate gradients, nor after steps
    that a loss scaler leaves out. It is no part of the model's parameters and
    ``state_dict``. Checkpoints hold it under ``ema_teacher``: its ``state_dict``, whose
    names are those of the student's, and the number of ``updates``. Resuming needs that
    entry; test and validation read it if there is one.
    ``tools/model_converters/ema_teacher_to_mmseg.py`` makes it a checkpoint of its own.

    Args:
        momentum: Share of the old teacher in the new one, 0 to 1 (the decay, called
            momentum in the papers; MMEngine's averages take 1 minus that).
        ramp: Whether the share rises as ``1 - 1 / (update + 1)`` up to ``momentum``.
        buffers: 'copy', 'ema' or 'own', see
            :class:`~mmseg_labelfree.models.teachers.WeightAverage`. 'own' is for a
            teacher that runs in train mode, so the segmentor's ``teacher_mode`` must be
            'train' or 'train_norm', or the segmentor one that runs it in train mode
            beside that, as ``U2PLOfficialEncoderDecoder`` does, which asks for 'own'.
        copy_iters: Iterations with pseudo-labels at the start in which the teacher
            still is the student (one epoch in U2PL's code); the ramp runs meanwhile.

    During the segmentor's ``warmup_iters``, in which it trains on labels alone, the
    teacher's parameters are the student's (with 'own' the statistics stay its own);
    updates are counted from then on.

    Raises:
        TypeError: The segmentor takes no teacher.
        ValueError: A setting is out of range or does not fit the segmentor; there is an
            ``EMAHook`` too; or the checkpoint to resume has no teacher.

    Example:
        ``custom_hooks=[dict(type='EMATeacherHook', momentum=0.99)]``
    """

    entry = 'ema_teacher'
    gives_teacher = True
    priority = 'LOW'  # after the hooks that load or change the student's weights

    def __init__(
        self,
        momentum: float = 0.99,
        ramp: bool = True,
        buffers: Literal['copy', 'ema', 'own'] = 'copy',
        copy_iters: int = 0,
    ) -> None:
        if not 0 <= momentum <= 1:
            raise ValueError(f'EMATeacherHook: momentum={momentum} is not in 0 to 1')
        if copy_iters < 0:
            raise ValueError(f'EMATeacherHook: copy_iters={copy_iters} is below 0')
        self.momentum = momentum
        self.ramp = ramp
        self.buffers = buffers
        self.copy_iters = copy_iters
        self.updates: Any = 0
        self._step_hook: RemovableHandle | None = None

    def before_train(self, runner: Runner) -> None:
        """Set the teacher and update it after each optimizer step."""
        student: Any = bare_model(runner.model)
        self.check_model(student, runner.hooks)
        self.updates = 0
        self._new_teacher(student)
        super().before_train(runner)
        average = WeightAverage(student, student.teacher, self.buffers)
        warmup_iters = getattr(student, 'warmup_iters', 0)
        # The last copy is what the last iteration of ``copy_iters`` sees.
        first = warmup_iters + max(0, self.copy_iters - 1)

        def follow(optimizer: Any, args: Any, kwargs: Any) -> None:
            momentum: float | Tensor = 0.0
            if runner.iter >= first:
                momentum = ramped_momentum(self.updates, self.momentum, self.ramp)
            # A fused optimizer is called for overflows, too, which it leaves out by a
            # flag that the device alone knows; then the device counts the updates.
            overflow = getattr(optimizer, 'found_inf', None)
            skip = None if overflow is None else overflow.reshape(()) > 0
            average.update(momentum, skip)
            if runner.iter >= warmup_iters:
                self.updates = self.updates + (1 if skip is None else (~skip).long())

        optimizer = runner.optim_wrapper.optimizer
        self._step_hook = optimizer.register_step_post_hook(follow)

    def after_train(self, runner: Runner) -> None:
        """Stop updating the teacher."""
        if self._step_hook is not None:
            self._step_hook.remove()

    def contents(self, runner: Runner) -> dict[str, Any]:
        """Return the teacher and how often it was updated."""
        student: Any = bare_model(runner.model)
        state_dict = weights_to_cpu(student.teacher.state_dict())
        return dict(state_dict=dict(state_dict), updates=int(self.updates))

    def restore(self, runner: Runner, entry: dict[str, Any]) -> None:
        """Load the teacher's weights."""
        student: Any = bare_model(runner.model)
        student.teacher.load_state_dict(entry['state_dict'])
        self.updates = entry['updates']

    def before_val(self, runner: Runner) -> None:
        """Set the checkpoint's teacher in a run that does not train."""
        if self.loaded is not None:
            self._new_teacher(bare_model(runner.model))
            self.restore(runner, self.loaded)
            self.loaded = None

    def before_test(self, runner: Runner) -> None:
        """Set the checkpoint's teacher in a run that does not train."""
        self.before_val(runner)

    def _new_teacher(self, student: Any) -> None:
        without = getattr(student, 'not_in_teacher', ())
        student.set_teacher(copy_student(student, without))

    def check_model(self, model: Any, hooks: Sequence[Hook]) -> None:
        """Raise if the model, or another hook, is not what this hook needs."""
        if not hasattr(model, 'set_teacher'):
            raise TypeError(
                f'{type(model).__name__} takes no teacher: EMATeacherHook needs a '
                "segmentor such as model.type='MeanTeacherEncoderDecoder'"
            )
        if any(isinstance(hook, EMAHook) for hook in hooks):
            raise ValueError(
                'EMATeacherHook and EMAHook do not go together: EMAHook swaps the '
                "student's weights; take one of them out of custom_hooks"
            )
        wanted = getattr(model, 'teacher_buffers', None) or self.buffers
        if self.buffers != wanted:
            raise ValueError(
                f'EMATeacherHook: {type(model).__name__} goes with '
                f'buffers={wanted!r}, not {self.buffers!r}'
            )
        if self.buffers == 'own' and not getattr(model, 'teacher_has_statistics', True):
            raise ValueError(
                "EMATeacherHook: with buffers='own' the teacher needs forward passes "
                "in train mode for its statistics; set model.teacher_mode='train' or "
                "'train_norm', or buffers='copy'"
            )
