"""What a protocol is: a function from one config to a list of stage configs."""

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import TASK_UTILS

#: File that is written last into a stage's folder; its metrics and how they came about.
MARKER = 'finished.json'

#: What a stage config holds: the arguments of a Runner, and what else is read.
STAGE_KEYS = frozenset(inspect.signature(Runner).parameters) | {
    'custom_imports',  # by Config.fromfile
    # By the Runner, past its arguments.
    'model_wrapper_cfg',
    'find_unused_parameters',
    'sync_bn',
    'activation_checkpointing',
    'efficient_conv_bn_eval',
    'compile',
    'test_pipeline',  # by mmseg.apis.inference_model
    # By tools/test.py.
    'tta_model',
    'tta_pipeline',
    'dense_crf',
    'job',  # by run_job
}


@dataclass(frozen=True)
class Stage:
    """One training run, or one job, of a protocol.

    Attributes:
        name: Folder under the protocol's ``work_dir``, for instance ``step_1``.
        cfg: A plain MMEngine config with its own ``work_dir``, which MMSegmentation's
            own ``tools/train.py`` can run once the earlier stages are there. With
            ``job`` in it, the config of a :class:`Job` that runs in place of the
            training.
        note: What the stage does, in a few words for the terminal.
    """

    name: str
    cfg: Config
    note: str = ''

    @property
    def is_job(self) -> bool:
        """Whether the stage runs a job and trains nothing."""
        return 'job' in self.cfg

    @property
    def length(self) -> float:
        """Iterations or epochs of training, whichever its loop counts; 0 for a job."""
        if self.is_job:
            return 0.0
        train_cfg = self.cfg.train_cfg
        return float(train_cfg.get('max_iters') or train_cfg.get('max_epochs') or 1)


class Protocol(ABC):
    """Base class of protocols; subclasses are built from ``cfg.protocol``."""

    #: Columns of the result table: heading -> key of the metrics, in percent.
    columns: dict[str, str]

    @abstractmethod
    def stages(self, cfg: Config) -> list[Stage]:
        """Expand a config into its stages.

        Args:
            cfg: The whole config, with ``work_dir`` set. It is not changed.

        Returns:
            The stages in the order in which they run. No data is read.
        """

    @staticmethod
    def stage_config(
        cfg: Config, name: str, overrides: Mapping[str, Any] | None = None
    ) -> Config:
        """A copy of ``cfg`` for one stage, in a work_dir of its own.

        The copy has of ``cfg`` what is in :data:`STAGE_KEYS`: not the protocol, nor
        variables that only helped to write the config. What ``overrides`` sets is kept
        whatever its name is, so that is the place for a key that a hook of one's own
        reads through ``runner.cfg`` (an argument of the hook is the better one).

        Args:
            cfg: The whole config.
            name: Name of the stage.
            overrides: Settings to merge into the copy, nested or with dotted keys.
        """
        stage = copy.deepcopy(cfg)
        for key in set(stage.keys()) - STAGE_KEYS:
            stage.pop(key)
        stage.merge_from_dict(dict(overrides or {}))
        stage.work_dir = f'{cfg.work_dir}/{name}'
        stage.experiment_name = name
        # Runners in one process share visualizers of the same name, and would all log
        # into the first stage's folder; without one it is called after the experiment.
        stage.get('visualizer', {}).pop('name', None)
        return stage


def build_protocol(cfg: Config) -> Protocol:
    """Build ``cfg.protocol``.

    Raises:
        KeyError: The config has no ``protocol``.
    """
    if 'protocol' not in cfg:
        raise KeyError(f'{cfg.filename} has no `protocol`')
    return TASK_UTILS.build(cfg.protocol)
