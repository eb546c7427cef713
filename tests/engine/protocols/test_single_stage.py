"""Plain configs, which run as protocols of one stage."""

import copy
import json
from pathlib import Path

import pytest
from mmengine.config import Config

from mmseg_labelfree.engine.protocols import ProtocolRunner, build_protocol
from mmseg_labelfree.visualization.prediction_strips import PredictionStrips


def test_a_config_is_its_own_stage(tiny):
    tiny.helper = dict(of='a hook that reads runner.cfg')
    (stage,) = build_protocol(tiny).stages(tiny)
    assert (stage.name, stage.note) == ('work', 'training')
    assert stage.cfg.work_dir == tiny.work_dir and stage.cfg.helper == tiny.helper
    assert ProtocolRunner(tiny).stage().name == stage.name
    tiny.job = dict(type='KMeansJob')
    assert build_protocol(tiny).stages(tiny)[0].is_job


def test_columns_are_all_metrics_but_those_of_classes():
    metrics = {'IoU/cat': 1.0, 'aAcc': 2.0, 'mIoU': 3.0, 'probe/mIoU': 4.0}
    metrics |= {'teacher/mIoU': 5.0, 'teacher/IoU/cat': 6.0, 'Acc.cat': 7.0}
    protocol = build_protocol(Config(dict(model={})))
    assert list(protocol.table_columns([metrics]).items()) == [
        ('mIoU', 'mIoU'),
        ('accuracy', 'aAcc'),
        ('mIoU, teacher', 'teacher/mIoU'),
        ('probe/mIoU', 'probe/mIoU'),
    ]


def test_results_say_what_they_are_and_what_made_them(tiny):
    ProtocolRunner(tiny).run()
    work = Path(tiny.work_dir)
    (result,) = json.loads((work / 'results.json').read_text())['stages'].values()
    assert result['scored'] == dict(
        run='training',
        model=None,
        crf=False,
        tta=False,
        subset='ImageSets/Segmentation/val.txt',
        images=6,
    )
    made_by = result['made_by']
    assert made_by['command'] and made_by['processes'] == 1
    assert {'PyTorch', 'Python', 'MMCV'} <= made_by['environment'].keys()
    text = (work / 'results.md').read_text()
    assert f'command: {made_by["command"]}' in text and '| mIoU | accuracy |' in text
    assert 'PyTorch: ' in text
    assert (work / 'curves.png').read_bytes()[:4] == b'\x89PNG'
    page = (work / 'report.html').read_text()
    assert 'Predictions of validation images' in page and 'optim_wrapper' in page
    strips = PredictionStrips.read(work)
    assert {g: len(s) for g, s in strips.groups().items()} == {
        'first images': 3,
        'worst': 3,
        'best': 3,
    }
    worst, best = (strips.groups()[group][0].iou for group in ('worst', 'best'))
    assert all(worst <= strip.iou <= best for strip in strips.strips)


def test_an_error_in_pictures_is_one_line_and_the_results_stand(tiny, capsys):
    (Path(tiny.work_dir) / 'report.html').mkdir(parents=True)
    (Path(tiny.work_dir) / 'predictions').write_text('a file where a folder should be')
    (finished,) = ProtocolRunner(tiny).run().values()
    assert finished['metrics']['mIoU'] >= 0
    warnings = [w for w in capsys.readouterr().err.splitlines() if 'Warning' in w]
    assert [w.split()[1].rpartition('/')[2] for w in warnings] == [
        'predictions',
        'report.html',
    ]
    assert (Path(tiny.work_dir) / 'results.md').is_file()


@pytest.mark.slow
def test_a_finished_run_is_not_redone_and_not_resumed_as_another(tiny):
    finished = ProtocolRunner(tiny).run()
    with pytest.raises(FileExistsError, match='work holds finished results: add'):
        ProtocolRunner(tiny).run()
    assert ProtocolRunner(tiny, resume=True).run() == finished
    other = copy.deepcopy(tiny)
    other.optim_wrapper.optimizer.lr = 0.5
    with pytest.raises(ValueError, match=r'optimizer.lr: 0.05 -> 0.5'):
        ProtocolRunner(other, resume=True).run()


@pytest.mark.slow
def test_without_a_validation(tiny):
    for kind in ('val', 'test'):
        for part in ('dataloader', 'evaluator', 'cfg'):
            tiny[f'{kind}_{part}'] = None
    (finished,) = ProtocolRunner(tiny).run().values()
    assert finished['metrics'] == {} and finished['scored'] is None
    assert finished['checkpoint'] == 'iter_6.pth'


@pytest.mark.slow
def test_a_teacher_and_a_student_are_told_apart(semi):
    semi.val_cfg = dict(type='TeacherStudentValLoop')
    (finished,) = ProtocolRunner(semi).run().values()
    assert finished['scored']['model'] == 'student and teacher'
    text = Path(semi.work_dir, 'results.md').read_text()
    assert '| mIoU, student | mIoU, teacher |' in text
