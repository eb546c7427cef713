import ast

import numpy as np
import pytest
from PIL import Image


def expected_iou(masks, num_classes):
    """From the expected areas of a guess among background and the image's classes."""
    both, guessed, true = np.zeros((3, num_classes))
    for mask in masks:
        classes = np.union1d([0], np.unique(mask))
        area = np.bincount(mask.ravel(), minlength=num_classes)
        both[classes] += area[classes] / len(classes)
        guessed[classes] += mask.size / len(classes)
        true += area
    return 100 * (both / (guessed + true - both)).mean()


@pytest.mark.slow
def test_score_of_guessing(tiny, boxes_root, run_tool, tmp_path):
    loader = tiny.val_dataloader
    loader.dataset = dict(type='ImageLabelDataset', dataset=loader.dataset)
    tiny.dump(tmp_path / 'boxes.py')
    done = run_tool('image_label_floor.py', tmp_path / 'boxes.py', '--seed', 1)
    assert done.returncode == 0, done.stdout
    found = ast.literal_eval(done.stdout.strip().splitlines()[-1])
    paths = (boxes_root / 'SegmentationClass').glob('val*.png')
    masks = [np.asarray(Image.open(path)) for path in paths]
    assert found['mIoU'] == pytest.approx(expected_iou(masks, 5), abs=1)
