"""Hook that keeps a drawn partition beside the run."""

from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...utils.files import reading, write_text

__all__ = ['PartitionHook']


@HOOKS.register_module()
class PartitionHook(Hook):
    """Hook that writes which images were drawn as labeled and as unlabeled ones.

    For each :class:`~mmseg_labelfree.datasets.SourceDataset` that draws its images, for
    want of a list, ``partition/<source>.txt`` in the work dir names them. A run that
    goes on must have drawn the same ones. The files serve as lists (``ann_file``).

    Raises:
        ValueError: The work dir holds the images of another draw, or a list there is
            damaged.

    Example:
        ``custom_hooks=[dict(type='PartitionHook')]``
    """

    @master_only
    def before_train(self, runner: Runner) -> None:
        """Write or compare the lists."""
        for part in _parts(runner.train_dataloader.dataset):
            path = Path(runner.work_dir, 'partition', f'{part.source}.txt')
            text = ''.join(f'{name}\n' for name in part.image_names)
            if not path.is_file():
                write_text(path, text)
            with reading(path, 'delete it, and --resume makes it again'):
                noted = path.read_text(encoding='utf-8')
                if len(noted) < len(text) and text.startswith(noted):
                    raise ValueError('its end is missing')
            if noted != text:
                raise ValueError(
                    f'{path} names other images than are drawn now: the dataset or '
                    'the words of its partition have changed; choose another '
                    '--work-dir, or take that list as the ann_file'
                )


def _parts(dataset: Any) -> list[Any]:
    """Sources that draw their images."""
    parts = getattr(dataset, 'datasets', [dataset])
    return [part for part in parts if getattr(part, 'draws', False)]
