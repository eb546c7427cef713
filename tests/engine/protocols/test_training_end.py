import json
from pathlib import Path

import pytest
from mmengine.runner import ValLoop
from mmengine.visualization import LocalVisBackend
from mmseg.registry import METRICS, VISBACKENDS

from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.evaluation import GroupedIoUMetric


@VISBACKENDS.register_module(force=True)
class OneUseBackend(LocalVisBackend):
    """Refuses what comes after its end, as that of Weights & Biases does."""

    closed = False

    def add_scalars(self, *args, **kwargs):
        assert not self.closed
        super().add_scalars(*args, **kwargs)

    def close(self):
        self.closed = True


@METRICS.register_module(force=True)
class UnsteadyMetric(GroupedIoUMetric):
    """The second of three validations is best; again, it seems better by rounding."""

    scores = (1.0, 3.0, 2.0, 3.01)
    calls = 0

    def compute_metrics(self, results):
        metrics = super().compute_metrics(results)
        metrics['mIoU/step_0'] = self.scores[self.calls]
        self.calls += 1
        return metrics


def finished(runner):
    return json.loads(Path(runner.work_dir, 'step_0', 'finished.json').read_text())


@pytest.mark.slow
def test_the_best_checkpoint_is_validated_before_loggers_close(incremental):
    incremental.visualizer.vis_backends[0].type = 'OneUseBackend'
    incremental.protocol.hand_on = 'best'
    incremental.val_evaluator.type = 'UnsteadyMetric'
    incremental.train_cfg.val_interval = 2
    runner = ProtocolRunner(incremental)
    runner.run('step_0')
    folder = Path(runner.work_dir, 'step_0')
    assert [p.name for p in folder.glob('best*')] == ['best_mIoU_step_0_iter_4.pth']
    content = finished(runner)
    assert content['checkpoint'] == 'best_mIoU_step_0_iter_4.pth'
    assert content['metrics']['mIoU/step_0'] == 3.01


@pytest.mark.slow
@pytest.mark.parametrize('hand_on', ['last', 'best'])
def test_killed_in_the_only_validation(hand_on, incremental, monkeypatch):
    incremental.visualizer.vis_backends[0].type = 'OneUseBackend'
    incremental.protocol.hand_on = hand_on

    def interrupted(loop):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ValLoop, 'run', interrupted)
        ProtocolRunner(incremental).run('step_0')
    runner = ProtocolRunner(incremental, resume=True)
    runner.run('step_0')
    names = dict(last='iter_6.pth', best='best_mIoU_step_0_iter_6.pth')
    content = finished(runner)
    assert content['checkpoint'] == names[hand_on]
    assert content['metrics']['mIoU/step_0'] >= 0
