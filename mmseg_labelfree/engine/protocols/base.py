"""Base class of protocols, functions from one config to a list of stage configs."""

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from ...utils.checkpoint import BEST

__all__ = [
    'DataPart',
    'Protocol',
    'STAGE_KEYS',
    'Stage',
    'loader_parts',
]

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
    """Stage of a protocol: one training run or one job.

    Attributes:
        name: Folder under the protocol's ``work_dir``, for instance ``step_1``.
        cfg: A plain MMEngine config with its own ``work_dir``, which MMSegmentation's
            own ``tools/train.py`` can run once the earlier stages are there. With
            ``job`` in it, the config of a :class:`Job` that runs in place of the
            training.
        note: What the stage does, in a few words for the terminal.
        best: Whether its result is the checkpoint with the best validation (its
            checkpoint hook has ``save_best``) instead of the last one.
    """

    name: str
    cfg: Config
    note: str = ''
    best: bool = False

    @property
    def is_job(self) -> bool:
        """Whether the stage runs a job and trains nothing."""
        return 'job' in self.cfg

    @property
    def result(self) -> str:
        """Checkpoint that is scored and handed on, for ``resolve_checkpoint``."""
        folder = self.cfg.work_dir
        return f'{folder}/{BEST}' if self.best else folder

    @property
    def length(self) -> float:
        """Iterations or epochs of training, whichever its loop counts; 0 for a job."""
        if self.is_job:
            return 0.0
        train_cfg = self.cfg.train_cfg
        return float(train_cfg.get('max_iters') or train_cfg.get('max_epochs') or 1)


@dataclass(frozen=True)
class DataPart:
    """Images that a config trains or is scored on.

    Attributes:
        name: Name of the part, of which a config has one.
        text: Which images these are, in a few words for the terminal.
        dataset: Config of the dataset.
        training: Whether the images are trained on.
        classes: Classes that are learned from them, where that is a choice.
        scope: Registry scope in which ``dataset`` is built.
    """

    name: str
    text: str
    dataset: Mapping[str, Any]
    training: bool = True
    classes: tuple[str, ...] = ()
    scope: str = 'mmseg'


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

    def check(self, stages: Sequence[Stage]) -> None:  # noqa: B027 (optional)
        """Raise if a stage would fail for its settings, before any stage runs.

        Args:
            stages: Stages that are not finished.
        """

    def report(  # noqa: B027 (optional)
        self, cfg: Config, stages: Sequence[Stage], finished: Mapping[str, Mapping]
    ) -> None:
        """Write what is shown beside the report of a run, after each of its stages.

        Args:
            cfg: The whole config.
            stages: All stages.
            finished: Contents of ``finished.json`` by stage, of those finished so far.
        """

    def table_columns(self, metrics: Sequence[Mapping[str, float]]) -> dict[str, str]:
        """Columns of the result table of stages with these metrics."""
        found = {key for values in metrics for key in values}
        return {name: key for name, key in self.columns.items() if key in found}

    def data_parts(self, cfg: Config) -> list[DataPart]:
        """Which images the stages train on and are scored on.

        These are the images of the first stage, unless a protocol chooses others for
        each stage.

        Args:
            cfg: The whole config, with ``work_dir`` set. It is not changed.

        Returns:
            The parts, each under a name of its own. No data is read.
        """
        return loader_parts(self.stages(cfg)[0].cfg)

    def known_counts(self, cfg: Config, num_images: int) -> dict[str, int]:
        """Published numbers of images.

        Args:
            cfg: The whole config.
            num_images: Images of the whole training set, to tell whether it is the one
                that the numbers are for.

        Returns:
            Numbers by name of the part, of those that are known; under ``'sum'`` that
            of all training parts together.
        """
        return {}

    @staticmethod
    def stage_config(
        cfg: Config, name: str, overrides: Mapping[str, Any] | None = None
    ) -> Config:
        """Make a copy of ``cfg`` for one stage, in a work_dir of its own.

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
        return stage


def loader_parts(cfg: Config) -> list[DataPart]:
    """Training images, each source of a mixed loader apart, and validation images.

    Args:
        cfg: Config of one training.

    Raises:
        ValueError: It has no ``train_dataloader``.
    """
    if cfg.get('train_dataloader') is None:
        raise ValueError(f'{cfg.filename} has no train_dataloader, so no data to check')
    dataset = cfg.train_dataloader.dataset
    scope = cfg.get('default_scope', 'mmseg')
    if dataset.get('type') == 'ConcatDataset':
        names = [part.get('source', k) for k, part in enumerate(dataset.datasets)]
        parts = [
            DataPart(
                f'train {name}', f'training images, source {name!r}', part, scope=scope
            )
            for name, part in zip(names, dataset.datasets, strict=True)
        ]
    else:
        parts = [DataPart('train', 'training images', dataset, scope=scope)]
    if cfg.get('val_dataloader') is not None:
        images = cfg.val_dataloader.dataset
        parts.append(
            DataPart('val', 'validation images', images, training=False, scope=scope)
        )
    return parts
