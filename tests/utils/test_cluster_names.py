import torch

from mmseg_labelfree.utils.checkpoint import load_checkpoint
from mmseg_labelfree.utils.cluster_names import (
    data_meta,
    name_clusters,
    store_output_meta,
)

DATA = dict(
    classes=('background', 'car', 'tree'),
    palette=[[0, 0, 0], [9, 0, 0], [0, 9, 0]],
    fold='first',
)


def test_matched_clusters_look_like_their_classes():
    found = name_clusters(DATA, 4, 1, ['tree', None, 'tree', 'car'])
    assert found['classes'] == ('background', 'tree', 'cluster_1', 'tree', 'car')
    assert [found['palette'][k] for k in (0, 1, 3, 4)] == [
        DATA['palette'][k] for k in (0, 2, 2, 1)
    ]
    assert found['palette'][2] not in DATA['palette'] and found['fold'] == 'first'


def test_clusters_of_any_data():
    for data in (DATA, dict(classes=None), None):
        found = name_clusters(data, 30)
        assert found['classes'] == tuple(f'cluster_{k}' for k in range(30))
        assert len({tuple(color) for color in found['palette']}) == 30


def test_names_in_a_file(tmp_path):
    """Those of the data stay, however often a matching is stored."""
    path = tmp_path / 'iter_1.pth'
    torch.save(
        dict(state_dict=dict(a=torch.ones(2)), meta=dict(dataset_meta=DATA)), path
    )
    for matched in (None, ['car', 'tree'], ['tree', 'car']):
        store_output_meta(path, name_clusters(DATA, 2, 1, matched))
        checkpoint, _ = load_checkpoint(path)
        assert checkpoint['state_dict']['a'].tolist() == [1, 1]
        assert data_meta(checkpoint['meta']) == DATA
    assert checkpoint['meta']['dataset_meta']['classes'] == (
        'background',
        'tree',
        'car',
    )
