"""Protocol of a config that has none, whose only stage is the config itself."""

import copy
import os.path as osp
import re
from collections.abc import Mapping, Sequence

from mmengine.config import Config
from mmseg.registry import TASK_UTILS

from ...utils.choices import check_settings
from .base import Protocol, Stage
from .model_check import located

__all__ = ['SingleStageProtocol', 'build_protocol']

# Metrics of a class, of a student or teacher alike.
_OF_A_CLASS = re.compile(r'(^|/)(IoU|Acc)[/.]')


class SingleStageProtocol(Protocol):
    """Protocol of one training or job, in the work dir itself."""

    columns = {
        'mIoU': 'mIoU',
        'accuracy': 'aAcc',
        'mIoU, student': 'student/mIoU',
        'mIoU, teacher': 'teacher/mIoU',
    }

    def stages(self, cfg: Config) -> list[Stage]:
        """The config as a stage; it keeps variables that only helped to write it."""
        stage = copy.deepcopy(cfg)
        note = 'job' if 'job' in cfg else 'training'
        return [Stage(osp.basename(osp.abspath(cfg.work_dir)), stage, note)]

    def table_columns(self, metrics: Sequence[Mapping[str, float]]) -> dict[str, str]:
        """All metrics but those of single classes, the usual ones first."""
        found = {key for values in metrics for key in values}
        usual = {name: key for name, key in self.columns.items() if key in found}
        others = found - set(usual.values())
        return usual | {k: k for k in sorted(others) if not _OF_A_CLASS.search(k)}


def build_protocol(cfg: Config) -> Protocol:
    """Build ``cfg.protocol``; a config without it is its own single stage.

    Raises:
        ValueError: An argument of the protocol is wrong.
    """
    if 'protocol' not in cfg:
        return SingleStageProtocol()
    check_settings(protocol=cfg.protocol)
    with located('protocol'):
        return TASK_UTILS.build(cfg.protocol)
