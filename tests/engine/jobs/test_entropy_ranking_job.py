import copy
import csv
from pathlib import Path

import pytest
import torch
from mmseg.registry import MODELS

from mmseg_labelfree.engine.jobs import entropy_ranking_job, run_job


@pytest.fixture
def ranking(tiny, tmp_path):
    """The ranking of the boxes by random weights; bars, dots and frames are novel."""
    torch.manual_seed(0)
    model = MODELS.build(tiny.model)
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    checkpoint = str(tmp_path / 'random.pth')
    torch.save(dict(meta={}, state_dict=model.state_dict()), checkpoint)
    dataset = copy.deepcopy(tiny.val_dataloader.dataset)
    dataset.ann_file = 'ImageSets/Segmentation/train.txt'
    tiny.job = dict(
        type='EntropyRankingJob',
        checkpoint=checkpoint,
        dataset=dataset,
        num_old_classes=2,
        keep=0.5,
        batch_size=2,
    )
    return tiny


def lists(cfg):
    """Names of the clean and the unclean images, and the table of all."""
    folder = Path(cfg.work_dir)
    table = list(csv.DictReader((folder / 'ranking.csv').open()))
    parts = [(folder / f'{part}.txt').read_text() for part in ('clean', 'unclean')]
    return parts, {row['image']: float(row['entropy']) for row in table}


@pytest.mark.slow
@pytest.mark.parametrize('images', [7, 2])
def test_any_number_of_processes(ranking, images, in_processes, monkeypatch):
    monkeypatch.setattr(entropy_ranking_job, 'CHUNK', 4)
    ranking.job.dataset.indices = images
    found = []
    for processes in (1, 2, 3):
        cfg = copy.deepcopy(ranking)
        cfg.work_dir += f'_{processes}'
        metrics = in_processes(processes, run_job, cfg)
        assert metrics == [metrics[0]] * processes
        found.append((metrics[0], *lists(cfg)))
    assert len(found[0][2]) == images and found[0][0]['clean'] == images // 2
    for metrics, parts, entropies in found[1:]:
        assert metrics == pytest.approx(found[0][0])
        assert parts == found[0][1]
        assert entropies == pytest.approx(found[0][2], abs=1e-5)
