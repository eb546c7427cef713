"""Hook that writes checkpoints atomically."""

from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.fileio.backends import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...utils.files import atomic_path, write_text


class AtomicLocalBackend(LocalBackend):
    """Backend of local files that appear whole or not at all."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write ``obj`` under a temporary name, then rename the file."""
        with atomic_path(filepath) as temporary:
            super().put(obj, temporary)


register_backend('atomic_local', AtomicLocalBackend, force=True)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """Hook that saves checkpoints and never loses the last one.

    MMEngine's ``CheckpointHook`` deletes the outdated checkpoint, then writes the new
    one in place, then rewrites ``last_checkpoint``: a kill or a full disk in between
    leaves nothing to resume from when ``max_keep_ckpts=1``. Here the new file is
    written under a temporary name, renamed, then ``last_checkpoint`` is replaced, and
    only then are outdated files deleted. One more checkpoint than ``max_keep_ckpts``
    must fit on the disk for a moment. For local folders. With ``save_best`` the
    checkpoint that was the best is deleted once the new best one is there; in a folder
    that was copied since, it is that of the copy.

    Args:
        **kwargs: As for :class:`mmengine.hooks.CheckpointHook`, without
            ``backend_args``. Intervals are in epochs with ``by_epoch=True``, its
            default, and in iterations otherwise.

    Raises:
        OSError: The checkpoint could not be written; names the file, and the previous
            checkpoint, which is untouched.

    Example:
        ``default_hooks=dict(checkpoint=dict(type='AtomicCheckpointHook',
        by_epoch=False, interval=1000, max_keep_ckpts=1))``
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(backend_args=dict(backend='atomic_local'), **kwargs)

    def before_train(self, runner: Runner) -> None:
        """Look for the best checkpoint of a resumed run in this very folder."""
        super().before_train(runner)
        best = getattr(self, 'best_ckpt_path', None)
        if best is not None:
            name = Path(best).name
            self.best_ckpt_path: str | None = str(Path(self.out_dir, name))

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        target = Path(self.out_dir) / self.filename_tmpl.format(step)
        outdated = self._update_kept(runner, step)
        self.last_ckpt = str(target)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        if not is_main_process():  # save_checkpoint does nothing there
            return
        try:
            runner.save_checkpoint(
                self.out_dir,
                target.name,
                save_optimizer=self.save_optimizer,
                save_param_scheduler=self.save_param_scheduler,
                meta=meta,
                by_epoch=self.by_epoch,
                backend_args=self.backend_args,
                **self.args,
            )
            write_text(Path(runner.work_dir) / 'last_checkpoint', self.last_ckpt)
        except SyntaxError as error:
            # Config.pretty_text makes one of whatever comes while it lays out the
            # config: an interrupt, the death of a data loader's worker.
            raise (error.__context__ or error) from None
        except OSError as error:
            kept = ', '.join(f'{s}' for s in outdated) or 'the one before'
            raise OSError(
                error.errno,
                f'could not save the checkpoint ({error.strerror or error}); earlier '
                f'checkpoints ({kept}) are whole: free some space and go on with '
                '--resume',
                str(target),
            ) from error
        for path in outdated:
            path.unlink(missing_ok=True)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        for name in getattr(self, 'key_indicators', ()):
            if name != 'auto' and metrics and name not in metrics:
                raise ValueError(
                    f'save_best={name!r} is no metric of the validation, which gives '
                    f'{", ".join(metrics)}: choose one of these'
                )
        before = getattr(self, 'best_ckpt_path', None)
        if before is not None:
            self.best_ckpt_path = None  # which MMEngine's hook would delete first
        super()._save_best_checkpoint(runner, metrics)
        if before is None:
            return
        if self.best_ckpt_path is None:
            self.best_ckpt_path = before
        elif is_main_process() and self.best_ckpt_path != before:
            Path(before).unlink(missing_ok=True)

    def _update_kept(self, runner: Runner, step: int) -> list[Path]:
        """Note ``step`` as kept; return the files that it makes outdated."""
        if self.max_keep_ckpts <= 0:
            return []
        kept = [s for s in self.keep_ckpt_ids if s != step] + [step]
        self.keep_ckpt_ids.clear()
        self.keep_ckpt_ids.extend(kept)
        # With the outdated ones: MMEngine deletes them on resume if we are killed.
        runner.message_hub.update_info('keep_ckpt_ids', kept)
        folder = Path(self.out_dir)
        return [
            folder / self.filename_tmpl.format(s) for s in kept[: -self.max_keep_ckpts]
        ]
