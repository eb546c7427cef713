"""Hook that loads the model of an earlier stage as the teacher."""

from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...models.utils.stage_model import load_stage_model
from ...utils.distributed import bare_model


@HOOKS.register_module()
class FrozenTeacherHook(Hook):
    """Hook that makes the model of an earlier stage the frozen teacher of this one.

    It builds, loads and hands over the teacher before training, also on resume.
    The segmentor must have ``set_teacher`` (see
    :class:`~mmseg_labelfree.models.teachers.TeacherMixin`). The teacher never
    changes, so the training checkpoints do not hold it: it is read again from its own.

    Args:
        checkpoint: Checkpoint file, or the ``work_dir`` whose last one is meant.
            Defaults to None, as in the first step of a method: nothing happens.
        model: The teacher's config. Defaults to the student's own
            backbone, neck and decode head, with as many classes as the
            checkpoint's ``decode_head.conv_seg``, as a stock ``EncoderDecoder``.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: The weights do not fit the teacher; names the keys.
        TypeError: The segmentor takes no teacher.

    Example:
        ``custom_hooks=[dict(type='FrozenTeacherHook',
        checkpoint='work_dirs/voc_15-5/step_0')]``
    """

    gives_teacher = True

    def __init__(
        self, checkpoint: str | None = None, model: dict | None = None
    ) -> None:
        self.checkpoint = checkpoint
        self.model = model

    def check_model(self, model: Any, hooks: Sequence[Hook]) -> None:
        """Raise if the model, or another hook, is not what this hook needs."""
        if not hasattr(model, 'set_teacher'):
            raise TypeError(
                f'{type(model).__name__} takes no teacher: FrozenTeacherHook needs a '
                'segmentor such as IncrementalEncoderDecoder'
            )

    def before_train(self, runner: Runner) -> None:
        """Hand the teacher to the segmentor."""
        if self.checkpoint is None:
            return
        student: Any = bare_model(runner.model)
        self.check_model(student, runner.hooks)
        teacher = load_stage_model(self.checkpoint, runner.cfg.model, self.model)
        student.set_teacher(teacher.to(next(student.parameters()).device))
        runner.logger.info(f'Frozen teacher loaded from {self.checkpoint}.')
