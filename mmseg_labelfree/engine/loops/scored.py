"""What the scores of a loop are scores of."""

import os.path as osp
from typing import Any

from mmengine.model import BaseTTAModel
from mmengine.runner import BaseLoop, Runner, TestLoop

from ...evaluation.dense_crf_metric import DenseCRFMetric
from ...utils.distributed import bare_model
from ..jobs.base import innermost
from .teacher_student_val_loop import TeacherStudentValLoop

__all__ = ['scored_by']


def scored_by(runner: Runner, loop: BaseLoop) -> dict[str, Any]:
    """Describe what a loop of a Runner scores, for files of results.

    Args:
        runner: The Runner.
        loop: Its validation or test.

    Returns:
        ``run``, 'training' for a validation or 'test'; ``model``, 'student', 'teacher'
        or both, None where there is no teacher; ``crf`` and ``tta``, whether a dense
        CRF refined the predictions and whether several views of an image were merged;
        ``subset``, the dataset's list or folder of images; ``images``, their number.
    """
    tta = any(isinstance(m, BaseTTAModel) for m in runner.model.modules())
    kind = getattr(bare_model(runner.model), 'val_model', None)
    both = isinstance(loop, TeacherStudentValLoop)
    metrics = loop.evaluator.metrics
    return dict(
        run='test' if isinstance(loop, TestLoop) else 'training',
        model='student and teacher' if both else kind,
        crf=any(isinstance(metric, DenseCRFMetric) for metric in metrics),
        tta=tta,
        subset=_subset(loop.dataloader.dataset),
        images=len(loop.dataloader.dataset),
    )


def _subset(dataset: Any) -> str | None:
    """List or folder of a dataset's images, below its root; None for several."""
    dataset = innermost(dataset)
    place = getattr(dataset, 'ann_file', None) or (
        getattr(dataset, 'data_prefix', None) or {}
    ).get('img_path')
    root = getattr(dataset, 'data_root', None) or '.'
    return osp.relpath(place, root) if place else None
