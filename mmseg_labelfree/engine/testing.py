"""What ``tools/test.py`` does with its command line."""

import argparse

from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch.distributed.elastic.multiprocessing.errors import record

from ..utils.checkpoint import check_checkpoint, resolve_checkpoint
from ..utils.command_line import parse_options
from ..utils.console import say, warnings_in_log
from ..utils.distributed import (
    check_launcher,
    connect_processes,
    leave_process_group,
    prepare_cpu_processes,
)
from ..utils.errors import one_line_errors
from ..utils.signals import one_line_stops
from ..utils.test_options import save_masks, use_dense_crf, use_own_folder, use_tta
from .checkpoint_matching import use_matching_of_checkpoint
from .protocols import DataCheck, ProtocolRunner, score_stage
from .protocols.config_kinds import check_spelling
from .protocols.model_check import located
from .run_config import read_run_config
from .training import warn_of_options

__all__ = ['test']


def test(args: argparse.Namespace) -> None:
    """Test what the command line asks for.

    Args:
        args: Arguments of ``tools/test.py``.

    Raises:
        SystemExit: Something is wrong; one line was printed.
    """
    stops = one_line_stops('nothing was changed.')
    with one_line_errors(), warnings_in_log(), stops:
        record(_test)(args)  # for torchrun's summary, which has the traceback
        leave_process_group()


def _test(args: argparse.Namespace) -> None:
    check_launcher(args.launcher)
    args.cfg_options = parse_options(args.cfg_options)
    cfg = read_run_config(args)
    if args.stage and 'protocol' not in cfg:
        raise ValueError(f'{args.config} has no protocol: --stage needs one')
    runner = ProtocolRunner(cfg)
    stage = runner.stage(args.stage)
    if stage.is_job:
        raise ValueError(f'stage {stage.name} trains nothing that could be tested')
    warn_of_options(args, [stage])
    cfg, stage_folder = stage.cfg, stage.cfg.work_dir
    with located(stage.name):
        check_spelling(cfg)
    _check_parts(cfg, args.config)
    _use_options(cfg, args)
    _use_checkpoint(cfg, args.checkpoint)
    options = dict(tta=args.tta, crf=args.crf, cfg_options=args.cfg_options)
    use_own_folder(cfg, options)
    cfg.launcher = args.launcher
    prepare_cpu_processes(cfg)
    connect_processes(cfg)
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    use_matching_of_checkpoint(cfg, stage_folder)
    with located('test_dataloader'):
        DataCheck().dataset(cfg.test_dataloader.dataset)
    score_stage(stage, runner.protocol)
    say(
        f'Results are in {cfg.work_dir}/results.md, those of each class in the log '
        'beside it'
    )


def _check_parts(cfg: Config, file: str) -> None:
    for key in ('model', 'test_dataloader', 'test_evaluator'):
        if cfg.get(key) is None:
            raise ValueError(f'{file} has no {key}, which a test needs')


def _use_checkpoint(cfg: Config, checkpoint: str | None) -> None:
    """Test a checkpoint, by default the one that the training was scored with."""
    cfg.load_from = resolve_checkpoint(checkpoint or cfg.work_dir)
    check_checkpoint(cfg.load_from)
    cfg.resume = False


def _use_options(cfg: Config, args: argparse.Namespace) -> None:
    """Apply the flags."""
    if args.out is not None:
        save_masks(cfg, args.out)
    if args.tta:
        use_tta(cfg)
    if args.crf:
        use_dense_crf(cfg)
    if args.show_dir is not None:
        # The original hook draws every 50th image by itself, also in a test.
        cfg.default_hooks.visualization = dict(
            type='SegVisualizationHook', draw=True, interval=1
        )
        cfg.visualizer.save_dir = args.show_dir
