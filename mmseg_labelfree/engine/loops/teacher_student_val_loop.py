"""Validation of a student and of its teacher."""

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

    The segmentor must have ``val_model``, as
    :class:`~mmseg_labelfree.models.segmentors.MeanTeacherEncoderDecoder` has.

    Example:
        ``val_cfg=dict(type='TeacherStudentValLoop')``
    """

    def run(self) -> dict:
        """Score both models; returns the metrics of both."""
        self.runner.call_hook('before_val')
        self.runner.call_hook('before_val_epoch')
        self.runner.model.eval()
        segmentor: Any = bare_model(self.runner.model)
        configured = segmentor.val_model
        metrics = {}
        try:
            for name in ('student', 'teacher'):
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
