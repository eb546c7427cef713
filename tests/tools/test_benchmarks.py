"""Every benchmark runs; at these sizes its figures say nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'tools' / 'benchmarks'
SHARED = {
    'against_literal',
    'benchmark_parsers',
    'loss_step',
    'peak_memory',
    'step_timing',
}

STEP = '--size 32 --batch-size 4 --repeat 1'
LOSS = '--losses {} --size 32 --repeat 1 --logits {}'
COMMANDS = [
    'class_index --masks 4 --different 2 --subset 2 --workers 1',
    'consistency_views configs/strict/demo_voc_15-5.py --size 32 --batch-size 2'
    ' --repeat 1',
    # Random draws: the two versions agree where there are many of them.
    'contrastive_loss --images 2 --classes 3 --channels 8 --size 32 --anchors 256'
    ' --negatives 50 --length 500 --repeat 1',
    'daformer_step configs/daformer/daformer_mit-b5_gta2cityscapes.py'
    ' configs/daformer/daformer_mit-b5_gta2cityscapes_u2pl.py --size 64'
    ' --batch-size 4 --repeat 1 --blocks 1',
    'daformer_step configs/daformer/demo_voc_plain2dusk_sepico.py --size 64'
    ' --batch-size 4 --repeat 1',
    'entropy_ranking --images 4 --size 32 --batch-size 2 --repeats 1',
    f'image_level_step configs/afa/demo_voc.py {STEP}',
    f'importance_step configs/mib/demo_voc_15-1.py --kinds ewc {STEP}',
    f'incremental_step configs/mib/demo_voc_15-1.py {STEP}',
    f'incremental_step configs/mib/demo_voc_15-1.py {STEP} --memory',
    f'incremental_step configs/plop/demo_voc_15-1.py {STEP}',
    f'incremental_step configs/ssul/demo_voc_15-1.py {STEP}',
    f'mib_losses {LOSS.format("ce+kd", 8)}',
    'novel_clustering --images 50 --dim 8 --clusters 3 --pca-dim 4 --repeats 1',
    'pairwise_affinity --images 4 --clusters 3 --channels 8 --size 8 --repeat 1',
    'rare_class_sampling --images 2 --draws 2 --size 1280 740',
    'pixel_adaptive_refinement --images 2 --masks 2 --size 32 --repeat 1',
    f'published_steps --only iddc {STEP}',
    f'u2pl_step configs/u2pl/demo_voc_40_cutmix.py configs/u2pl/demo_voc_40.py {STEP}',
    f'unimatch_step configs/unimatch/demo_voc_40.py {STEP}',
    f'unimatch_step configs/unimatch_v2/demo_voc_40.py {STEP}',
    f'weak_losses {LOSS.format("unlabeled", 32)}',
]


def test_every_benchmark_is_run():
    scripts = {path.stem for path in FOLDER.glob('*.py')}
    assert scripts - SHARED == {command.split()[0] for command in COMMANDS}


@pytest.mark.slow
@pytest.mark.parametrize('command', COMMANDS, ids=lambda x: x.split()[0])
def test_benchmark_prints_figures(command, tmp_path):
    name, *options = command.split()
    options = [str(ROOT / x) if x.endswith('.py') else x for x in options]
    done = subprocess.run(
        [sys.executable, str(FOLDER / f'{name}.py'), *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert any(character.isdigit() for character in done.stdout)
