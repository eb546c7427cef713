import json
from pathlib import Path

import pytest

from mmseg_labelfree.engine.protocols import ProtocolRunner


def test_stages(two_stages):
    two_stages.model.backbone.init_cfg = dict(type='Pretrained', checkpoint='x.pth')
    stages = {stage.name: stage for stage in ProtocolRunner(two_stages).stages}
    assert list(stages) == ['labeler', 'labels', 'segmentor']
    labeler, labels, segmentor = (stage.cfg for stage in stages.values())
    assert labels.job == dict(
        type='PseudoLabelJob', checkpoint=labeler.work_dir, threshold=0.3
    )
    assert stages['labels'].is_job
    assert labels.model.backbone.init_cfg is None
    assert labeler.optim_wrapper.optimizer.lr == 0.02
    assert segmentor.optim_wrapper.optimizer.lr == 0.05
    assert segmentor.model.decode_head.channels == 4
    assert labeler.model.decode_head.channels == 8
    load = segmentor.train_dataloader.dataset.pipeline[1]
    assert load.folder == f'{labels.work_dir}/labels'
    assert 'folder' not in two_stages.protocol.segmentor.train_dataloader


def test_a_finished_labeler(two_stages):
    two_stages.protocol.labeler_checkpoint = 'work_dirs/other'
    stages = ProtocolRunner(two_stages).stages
    assert [stage.name for stage in stages] == ['labels', 'segmentor']
    assert stages[0].cfg.job.checkpoint == 'work_dirs/other'


def test_the_segmentor_has_to_read_the_labels(two_stages):
    two_stages.protocol.segmentor.pop('train_dataloader')
    with pytest.raises(ValueError, match='needs a dict.type=.LoadPseudoAnnotations'):
        ProtocolRunner(two_stages)


@pytest.mark.slow
def test_both_trainings(two_stages):
    ProtocolRunner(two_stages).run()
    folder = Path(two_stages.work_dir)
    assert len(list((folder / 'labels/labels').glob('*.png'))) == 8
    result = json.loads((folder / 'segmentor/finished.json').read_text())
    assert result['metrics']['mIoU'] > 0
