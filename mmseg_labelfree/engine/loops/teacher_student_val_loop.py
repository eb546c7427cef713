"""Validation of a student and of its teacher."""

from collections.abc import Sequence
from typing import Any

from mmengine.runner import ValLoop
from mmseg.registry import LOOPS

from ...utils.distributed import bare_model


@LOOPS.register_module()
class TeacherStudentValLoop(ValLoop):
    """Loop that validates a student and its teacher, one after the other.

    It is :class:`mmengine.runner.ValLoop` once for each of them. Metrics are reported
    as ``student/mIoU``, ``teacher/mIoU`` and so on; ``save_best`` needs such a name.
    Hooks see one validation, whose iterations come twice.

    Args:
        *args: As for ``ValLoop``.
        models: Which models to score, in this order, values of the segmentor's
            ``val_model``.
        **kwargs: As for ``ValLoop``.

    Example:
        ``val_cfg=dict(type='TeacherStudentValLoop')``
    """

    def __init__(
        self, *args, models: Sequence[str] = ('student', 'teacher'), **kwargs
    ) -> None:
        super().__init__(*args, **kwargs)
        self.models = tuple(models)

    def run(self) -> dict:
        """Score the models; returns the metrics of all."""
        self.runner.call_hook('before_val')
        self.runner.call_hook('before_val_epoch')
        self.runner.model.eval()
        segmentor: Any = bare_model(self.runner.model)
        configured = segmentor.val_model
        metrics = {}
        try:
            for name in self.models:
                segmentor.val_model = name
                for index, batch in enumerate(self.dataloader):
                    self.run_iter(index, batch)
                scores = self.evaluator.evaluate(len(self.dataloader.dataset))
                metrics.update({f'{name}/{key}': v for key, v in scores.items()})
        finally:
            segmentor.val_model = configured
        self.runner.call_hook('after_val_epoch', metrics=metrics)
        self.runner.call_hook('after_val')
        return metrics
