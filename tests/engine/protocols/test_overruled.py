"""Options of a command line that the stages of a protocol do not take over."""

import re

import pytest

from mmseg_labelfree.engine.protocols import ProtocolRunner, overruled_options


def lines(cfg, **options):
    cfg.merge_from_dict(options)
    return overruled_options(options, ProtocolRunner(cfg).stages)


def test_an_option_that_some_stages_overrule(incremental):
    (line,) = lines(incremental, **{'optim_wrapper.optimizer.lr': 0.5})
    assert line.startswith(
        'optim_wrapper.optimizer.lr=0.5 is not used by step_1 (0.01)'
    )
    assert 'step_0' not in line and 'step_2 (0.01)' in line


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('train_cfg.max_iters', 7),
        ('randomness.seed', 5),
        ('custom_hooks.0.type', 'IterationSeedHook'),
        ('protocol.next_steps.optim_wrapper.optimizer.lr', 0.1),
        ('model.data_preprocessor.mean', [1.0, 2.0, 3.0]),
        ('model.backbone.init_cfg.checkpoint', 'weights.pth'),
    ],
)
def test_options_that_act_on_all_stages(incremental, key, value):
    assert lines(incremental, **{key: value}) == []


def test_options_that_no_stage_reads(incremental):
    (line,) = lines(incremental, data_root='elsewhere')
    assert line == 'data_root=elsewhere is read by no stage; set what it is used in'
    (line,) = lines(incremental, max_iters=7)
    assert line == 'max_iters=7 is read by no stage; did you mean train_cfg.max_iters?'
    (line,) = lines(incremental, **{'model.decode_head.num_classes': 9})
    assert 'step_0 (3)' in line and 'step_2 (5)' in line


def test_the_tool_prints_a_line(incremental, run_tool, tmp_path):
    path = tmp_path / 'protocol.py'
    incremental.dump(path)
    result = run_tool(
        'train.py', path, '--dry-run', '--cfg-options', 'optim_wrapper.optimizer.lr=0.5'
    )
    assert result.returncode == 0
    assert 'Warning: optim_wrapper.optimizer.lr=0.5 is not used by' in result.stdout
    row = next(line for line in result.stdout.splitlines() if 'step_0' in line)
    images = re.split(r'\s{2,}', row.strip())[3]
    assert images.isdigit() and int(images) > 0
