"""What a job is: work of a stage that does not train."""

from abc import ABC, abstractmethod

from mmengine.config import Config
from mmengine.dist import init_dist, is_distributed
from mmengine.registry import init_default_scope
from mmseg.registry import TASK_UTILS


class Job(ABC):
    """Work of a stage that does not train; built from the stage's ``cfg.job``.

    Subclasses are registered in ``TASK_UTILS``. A job runs in every process of a
    distributed run and has to go on after a stop: what it has written is not made
    again.
    """

    @abstractmethod
    def run(self, cfg: Config) -> dict[str, float]:
        """Do the work.

        Args:
            cfg: The stage's config; results belong into ``cfg.work_dir``.

        Returns:
            Metrics for the report.
        """


def run_job(cfg: Config) -> dict[str, float]:
    """Build ``cfg.job`` and run it.

    Args:
        cfg: Config of a stage with a job. With a launcher the processes are connected
            first, if no Runner has done that.

    Returns:
        The job's metrics.
    """
    launcher = cfg.get('launcher', 'none')
    if launcher != 'none' and not is_distributed():
        init_dist(launcher, **cfg.get('env_cfg', {}).get('dist_cfg', {}))
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    metrics = TASK_UTILS.build(cfg.job).run(cfg)
    return {name: float(value) for name, value in metrics.items()}
