import numpy as np
import pytest
from mmseg.registry import TASK_UTILS
from PIL import Image


def test_saliency_job_goes_on_with_its_maps(incremental, tmp_path):
    dataset = incremental.val_dataloader.dataset.dataset
    dataset.ann_file = 'ImageSets/Segmentation/train.txt'
    dataset.serialize_data = False
    source = dict(type='RobustBackgroundSaliency', num_superpixels=40)
    job = dict(
        type='SaliencyJob',
        dataset=dataset,
        source=source,
        out_dir=str(tmp_path / 'maps'),
        num_threads=2,
    )
    assert TASK_UTILS.build(job).run(incremental) == dict(images=24)
    files = sorted((tmp_path / 'maps').glob('*.png'))
    maps = [np.asarray(Image.open(p)) for p in files]
    assert len(maps) == 24 and all(m.shape == (32, 32) for m in maps)
    Image.fromarray(np.full((32, 32), 9, np.uint8)).save(files[4])
    files[7].unlink()
    assert TASK_UTILS.build(job).run(incremental) == dict(images=24)
    maps[4] = np.full((32, 32), 9)  # what is there is left
    for path, expected in zip(files, maps, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), expected)
    job['source'] = dict(source, num_superpixels=60)
    with pytest.raises(ValueError, match='num_superpixels was 40, is 60'):
        TASK_UTILS.build(job).run(incremental)
    (tmp_path / 'maps/settings.json').unlink()  # somebody else's maps
    with pytest.raises(ValueError, match=r'maps holds \*\.png, but no settings.json'):
        TASK_UTILS.build(job).run(incremental)
    with pytest.raises(ValueError, match='num_threads must be 1'):
        TASK_UTILS.build(dict(job, num_threads=0))
