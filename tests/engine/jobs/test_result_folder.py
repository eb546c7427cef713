import json

import pytest
import torch.distributed as dist

from mmseg_labelfree.engine.jobs import ResultFolder
from mmseg_labelfree.utils.files import write_text


@pytest.fixture
def settings(tmp_path):
    for number in (1, 2):
        write_text(tmp_path / f'base_{number}/iter_9.pth', f'weights {number}')
    return dict(
        source=dict(type='Network', checkpoint=str(tmp_path / 'base_1/iter_9.pth')),
        steps=[dict(checkpoint='torchvision://resnet50')],
        size=(2, 3),
    )


def make(folder, settings, *names, suffix='.txt'):
    results = ResultFolder(folder, settings, suffix)
    for name in names:
        write_text(results.path(name), name)
    return results


def test_it_knows_what_is_there(tmp_path, settings):
    results = make(tmp_path / 'results', settings, 'ulm/1')
    again = make(tmp_path / 'results', settings)
    for folder in (results, again):
        assert 'ulm/1' in folder and 'ulm/2' not in folder
        assert folder.path('ulm/2') == tmp_path / 'results/ulm/2.txt'
    note = json.loads((tmp_path / 'results/settings.json').read_text())
    assert note['size'] == [2, 3]
    assert note['steps'] == settings['steps']
    assert note['source']['checkpoint'].startswith('iter_9.pth ')


def test_other_settings_are_refused_and_named(tmp_path, settings):
    folder = tmp_path / 'results'
    make(folder, settings, '1')
    changed = dict(settings, size=(2, 4), keep=1)
    with pytest.raises(ValueError) as caught:
        make(folder, changed)
    assert str(caught.value) == (
        f'{folder} holds results of other settings (size was [2, 3], is [2, 4]; keep '
        f'was not set, is 1): delete {folder}, or choose another folder'
    )
    assert '1' in make(folder, settings)  # the refusal has changed nothing
    (folder / '1.txt').unlink()
    make(folder, changed, '1')  # there was nothing to mix up
    with pytest.raises(ValueError, match='keep was 1, is not set'):
        make(folder, settings)


def test_a_checkpoint_is_its_content(tmp_path, settings):
    folder = tmp_path / 'results'
    make(folder, settings, '1')
    moved = tmp_path / 'elsewhere/iter_9.pth'
    write_text(moved, 'weights 1')
    settings['source']['checkpoint'] = str(moved)
    assert '1' in make(folder, settings)
    settings['source']['checkpoint'] = str(tmp_path / 'base_2/iter_9.pth')
    match = r"source\.checkpoint was 'iter_9\.pth \w+', is 'iter_9\.pth \w+'"
    with pytest.raises(ValueError, match=match):
        make(folder, settings)


def test_results_of_unknown_origin_are_refused(tmp_path, settings):
    folder = tmp_path / 'results'
    write_text(folder / 'deep/1.txt', 'mine')
    with pytest.raises(
        ValueError, match=r'results holds \*\.txt, but no settings.json'
    ):
        make(folder, settings)
    make(folder, settings, suffix='.png')  # holds none of these


def _claim(folder, settings):
    first = dist.get_rank() == 0
    results = make(folder, settings, *(['1'] if first else []))
    dist.barrier()
    return '1' in results


def test_two_processes_claim_it_together(tmp_path, settings, in_two_processes):
    folder = tmp_path / 'results'
    assert in_two_processes(_claim, folder, settings) == [True, True]
    changed = dict(settings, size=1)
    first, second = in_two_processes(_claim, folder, changed)
    assert isinstance(first, ValueError) and isinstance(second, RuntimeError)
    assert str(first) in str(second) and 'size was [2, 3], is 1' in str(first)
