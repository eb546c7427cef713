import pickle
from itertools import islice

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import DATA_SAMPLERS, DATASETS

from mmseg_labelfree.datasets.class_pixels import class_pixels
from mmseg_labelfree.datasets.samplers import RareClassPool
from mmseg_labelfree.ops import rare_class_probabilities

CLASSES = ('a', 'b', 'c')
PIXELS = np.array([[90, 5, 0], [80, 0, 6], [99, 1, 0], [60, 9, 7], [100, 0, 0]])
MEMBERS = np.array([3, 4, 7, 8, 11])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))


def pool(pixels=PIXELS, seed=5, **kwargs):
    settings = dict(temperature=0.5, min_pixels=4) | kwargs
    return RareClassPool('source', MEMBERS, seed, pixels, CLASSES, **settings)


def test_draws_have_the_classes_shares_and_hold_their_class():
    draws = [pool().draw(p) for p in range(4000)]
    found = np.bincount([d.rare_class for d in draws], minlength=3) / len(draws)
    expected = rare_class_probabilities(PIXELS.sum(0), 0.5)
    np.testing.assert_allclose(found, expected, atol=0.03)
    holding = {0: [3, 4, 7, 8, 11], 1: [3, 8], 2: [4, 8]}
    for cls, members in holding.items():
        images = [int(d) for d in draws if d.rare_class == cls]
        shares = [images.count(m) / len(images) for m in members]
        assert set(images) == set(members)
        np.testing.assert_allclose(shares, 1 / len(members), atol=0.06)
    assert {d.source for d in draws} == {'source'}


def test_a_draw_depends_on_seed_name_and_position_alone():
    one, two = pool(), pool()
    forwards = [one.draw(p) for p in range(30)]
    backwards = [two.draw(p) for p in reversed(range(30))][::-1]
    assert facts(forwards) == facts(backwards)
    assert facts(forwards) != facts(pool(seed=6).draw(p) for p in range(30))


def facts(draws):
    return [(int(d), d.entropy, d.source, d.rare_class) for d in draws]


def test_index_keeps_its_class():
    draw = pool().draw(0)
    for copy in (pickle.loads(pickle.dumps(draw)), draw - 1):
        assert copy.rare_class == draw.rare_class is not None


def test_class_of_too_few_pixels_and_class_that_never_occurs():
    with pytest.raises(ValueError, match=r"more than min_pixels=8 pixels of 'c'; set"):
        pool(min_pixels=8)
    absent = PIXELS * [1, 1, 0]
    draws = [pool(absent, temperature=0.01).draw(p) for p in range(50)]
    assert {d.rare_class for d in draws} == {1}


@pytest.fixture
def domains(tiny):
    """Boxes of the first 8 images as source, all as target."""
    cfg = tiny
    images = cfg.train_dataloader.dataset
    images.pipeline[2] = dict(
        type='RareClassCrop', crop_size=(24, 24), cat_max_ratio=0.75, min_pixels=20
    )
    cfg.train_dataloader.sampler = dict(
        type='MultiSourceSampler',
        source_counts=dict(source=2, target=2),
        rare_class_sampling=dict(source=dict(temperature=0.05, min_pixels=40)),
    )
    cfg.train_dataloader.dataset = dict(
        type='ConcatDataset',
        datasets=[
            dict(
                type='SourceDataset', source='source', dataset=dict(images, indices=8)
            ),
            dict(type='SourceDataset', source='target', labeled=False, dataset=images),
        ],
    )
    return cfg


def sampler(cfg, rank=0, world_size=1, **changes):
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    settings = dict(cfg.train_dataloader.sampler, dataset=dataset, seed=3, **changes)
    built = DATA_SAMPLERS.build(settings)
    built.rank, built.world_size = rank, world_size
    return built


def batches(sampler, num):
    stream = iter(sampler)
    return [list(islice(stream, sampler.batch_size)) for _ in range(num)]


def test_is_a_policy_of_one_source(domains):
    drawn = batches(sampler(domains), 40)
    without = batches(sampler(domains, rare_class_sampling=None), 40)
    source = DATASETS.build(domains.train_dataloader.dataset.datasets[0])
    pixels = class_pixels(source.dataset)
    for batch, plain in zip(drawn, without, strict=True):
        assert facts(batch[2:]) == facts(plain[2:])  # the target's draws are the same
        assert all(d.rare_class is None for d in batch[2:] + plain)
        assert all(pixels[d, d.rare_class] > 40 for d in batch[:2])
    shares = rare_class_probabilities(pixels.sum(0), 0.05)
    classes = [d.rare_class for batch in drawn for d in batch[:2]]
    assert classes.count(int(shares.argmax())) / 80 == pytest.approx(
        shares.max(), abs=0.2
    )


def test_skip_is_dropping_and_two_processes_draw_what_one_draws(domains):
    whole = batches(sampler(domains), 6)
    resumed = sampler(domains)
    resumed.skip(4 * resumed.batch_size)
    assert [facts(b) for b in batches(resumed, 2)] == [facts(b) for b in whole[4:]]
    counts = dict(source=1, target=1)
    ranks = [batches(sampler(domains, r, 2, source_counts=counts), 6) for r in range(2)]
    for batch, *parts in zip(whole, *ranks, strict=True):
        assert sorted(facts(batch), key=str) == sorted(facts(sum(parts, [])), key=str)


def test_samples_of_such_a_pool_cannot_move(domains):
    for source, target in (('source', 'target'), ('target', 'source')):
        built = sampler(domains)
        index = built.indices(source)[:1]
        with pytest.raises(ValueError, match="no sample can move from or to 'source'"):
            built.move(index, source, target)
        assert built.state_dict()['moves'] == []


def test_wrong_sources(domains):
    for name, message in (
        ('other', r"no source 'other', but \['source', 'target'\]"),
        ('target', "source 'target' has no labels"),
    ):
        with pytest.raises(ValueError, match=message):
            sampler(domains, rare_class_sampling={name: {}})


def train(cfg: Config, name: str, **changes):
    """Train; gives the batches of this process and the final weights."""
    cfg = Config(cfg.to_dict())
    cfg.merge_from_dict(changes)
    cfg.work_dir, cfg.experiment_name = f'{cfg.work_dir}/{name}', name
    runner = Runner.from_cfg(cfg)
    seen = []

    def loss(inputs, data_samples, plain=runner.model.loss):
        seen.extend(
            (s.metainfo['img_path'], x.sum())
            for x, s in zip(inputs.double(), data_samples, strict=True)
        )
        return plain(inputs, data_samples)

    runner.model.loss = loss
    runner.train()
    return [(path, round(float(x), 3)) for path, x in seen], runner.model.state_dict()


@pytest.mark.slow
def test_resume_is_exact(domains):
    whole, weights = train(domains, 'whole')
    train(domains, 'cut', **{'train_cfg.max_iters': 4, 'train_cfg.val_interval': 4})
    rest, again = train(
        domains, 'resumed', resume=True, load_from=f'{domains.work_dir}/cut/iter_4.pth'
    )
    assert rest == whole[16:]
    for name, value in weights.items():
        assert torch.equal(again[name], value)


def load_batches(cfg, num):
    """Sums of the images in the first batches of this process, by path."""
    init_default_scope('mmseg')
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=3)
    samples = [
        (s.metainfo['img_path'], int(x.long().sum()))
        for batch in islice(iter(loader), num)
        for x, s in zip(batch['inputs'], batch['data_samples'], strict=True)
    ]
    return samples


@pytest.mark.slow
def test_two_processes_load_what_one_loads(domains, in_two_processes):
    alone = load_batches(domains, 5)
    domains.train_dataloader.batch_size = 2
    domains.train_dataloader.sampler.source_counts = dict(source=1, target=1)
    first, second = in_two_processes(load_batches, domains, 5)
    assert sorted(first + second) == sorted(alone)
