"""Test a checkpoint: mIoU per class and, in protocols, per group."""

import argparse
import os
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from torch.distributed.elastic.multiprocessing.errors import record

import mmseg_labelfree  # noqa: F401  (registers the components, mends `mmseg::` bases)
from mmseg_labelfree.engine.protocols import (
    DataCheck,
    ProtocolRunner,
    follow_move,
    result_checkpoint,
    score_stage,
)
from mmseg_labelfree.utils.checkpoint import check_checkpoint, resolve_checkpoint
from mmseg_labelfree.utils.command_line import expand_home
from mmseg_labelfree.utils.distributed import (
    check_launcher,
    connect_processes,
    leave_process_group,
    prepare_cpu_processes,
)
from mmseg_labelfree.utils.errors import one_line_errors
from mmseg_labelfree.utils.signals import one_line_stops
from mmseg_labelfree.utils.test_options import (
    save_masks,
    use_dense_crf,
    use_own_folder,
    use_tta,
)


def parse_args() -> argparse.Namespace:
    """Command line; the arguments of MMSegmentation's tool, ``--stage``, ``--crf``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file, of a protocol or of one stage')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint file or work dir; '
        "default the one in the (stage's) work dir that the training was scored with",
    )
    parser.add_argument('--stage', help='stage of the protocol; default the last')
    parser.add_argument(
        '--work-dir',
        help='folder of the training run, in which results go to test/<checkpoint>; '
        'default work_dirs/<name of the config>',
    )
    parser.add_argument('--out', help='folder for the predictions as PNG files')
    parser.add_argument(
        '--show-dir',
        help='folder for pictures of the predictions, drawn over the images',
    )
    parser.add_argument(
        '--tta',
        action='store_true',
        help='merge several views of '
        "each image: the config's tta_model and tta_pipeline",
    )
    parser.add_argument(
        '--crf',
        action='store_true',
        help='score after a dense CRF, '
        "with the settings of the config's dense_crf, if any",
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config: key=value ...',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def run(args: argparse.Namespace) -> None:
    """Test what the command line asks for."""
    cfg = follow_move(Config.fromfile(args.config))
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    expand_home(cfg)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    if args.stage and 'protocol' not in cfg:
        raise SystemExit(f'{args.config} has no protocol: --stage needs one')
    runner = ProtocolRunner(cfg)
    stage = runner.stage(args.stage)
    if stage.is_job:
        raise SystemExit(f'stage {stage.name} trains nothing that could be tested')
    cfg = stage.cfg
    if args.out is not None:
        save_masks(cfg, args.out)
    if args.tta:
        use_tta(cfg)
    if args.crf:
        use_dense_crf(cfg)
    check_launcher(args.launcher)
    cfg.launcher = args.launcher
    prepare_cpu_processes(cfg)
    if args.checkpoint is None:
        cfg.load_from = result_checkpoint(cfg.work_dir)
    else:
        cfg.load_from = resolve_checkpoint(args.checkpoint)
    check_checkpoint(cfg.load_from)
    cfg.resume = False
    options = dict(tta=args.tta, crf=args.crf, cfg_options=args.cfg_options)
    use_own_folder(cfg, options)
    if args.show_dir is not None:
        # The original hook draws every 50th image by itself, also in a test.
        cfg.default_hooks.visualization = dict(
            type='SegVisualizationHook', draw=True, interval=1
        )
        cfg.visualizer.save_dir = args.show_dir
    connect_processes(cfg)
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    DataCheck().dataset(cfg.test_dataloader.dataset)
    score_stage(stage, runner.protocol)
    print_log(f'Results are in {cfg.work_dir}/results.md', logger='current')


def main() -> None:
    """Test what the command line asks for."""
    args = parse_args()
    with one_line_errors(), one_line_stops('nothing was changed.'):
        record(run)(args)  # for torchrun's summary, which has the traceback
        leave_process_group()


if __name__ == '__main__':
    main()
