import inspect
import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper, OptimWrapperDict
from mmseg.registry import HOOKS
from torch import nn

from mmseg_labelfree.engine.hooks import ParameterImportanceHook

from ...reference_inputs import wave

KINDS = ('ewc', 'pi', 'rw')
VARIANTS = ('paper', 'official')
OLD, NEW = 2, 3  # classes


class Net(nn.Module):
    """A body, a classifier that grows, and a parameter without gradient."""

    def __init__(self, classes, seed):
        super().__init__()
        self.body = nn.Linear(3, 4)
        self.unused = nn.Parameter(torch.zeros(2))
        self.frozen = nn.Parameter(torch.zeros(2), requires_grad=False)
        self.decode_head = nn.Module()
        self.decode_head.conv_seg = nn.Conv2d(4, classes, 1)
        self.double()
        generator = torch.Generator().manual_seed(seed)
        for param in self.parameters():
            param.data = torch.randn(param.shape, generator=generator).double()

    def loss(self, step):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(5, 3, generator=generator).double()
        features = self.body(x).tanh()[..., None, None]
        return self.decode_head.conv_seg(features).square().mean()


TRAINED = [
    'body.weight',
    'body.bias',
    'decode_head.conv_seg.weight',
    'decode_head.conv_seg.bias',
]


def values(net, gradients=False):
    named = dict(net.named_parameters())
    tensors = (named[n].grad if gradients else named[n].detach() for n in TRAINED)
    return {n: t.clone() for n, t in zip(TRAINED, tensors, strict=True)}


def train(net, hook, steps=7, first=0, resumed=None, momentum=0.9):
    """Train; return the task gradient, parameters before and after each update."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=momentum)
    tracker = hook.track(net, optimizer)
    if resumed is not None:
        tracker.restore(resumed)
    track = []
    for step in range(first, first + steps):
        optimizer.zero_grad()
        net.loss(step).backward()
        task, before = values(net, gradients=True), values(net)
        optimizer.step()
        track.append((task, before, values(net)))
    return track


def saved(path, net, hook):
    """A checkpoint as the Runner writes it; everything in it is plain."""
    entry = hook.tracker.entry()
    content = dict(state_dict=net.state_dict(), parameter_importance=entry)
    torch.save(content, path)
    return torch.load(path, weights_only=True)


def empty_maps(kind):
    keys = dict(ewc=['fisher'], pi=['score'], rw=['fisher', 'score'])[kind]
    return {key: {} for key in keys}


def slow_official_maps(kind, track, old, alpha=0.9, interval=3):
    """As ``slow_maps``, read in the authors' order of operations."""
    maps = empty_maps(kind)
    for name in TRAINED:
        found = dict(fisher=[], score=[])
        for e in range(track[0][0][name].numel()):
            steps = [[t[name].flatten()[e].item() for t in step] for step in track]
            history = {
                k: m[name].flatten()[e].item()
                for k, m in old.items()
                if e < m[name].numel()
            }
            fisher, path, score = history.get('fisher', 1.0), 0.0, 0.0
            previous = remembered = None
            for count, (g, theta, _) in enumerate(steps):
                if previous is not None:
                    path += g * (previous - theta)
                previous = theta
                if count % interval == 0:
                    if remembered is not None:
                        way = theta - remembered
                        score -= g * way / (0.5 * fisher * way**2 + 1e-8)
                    remembered = theta
                fisher = alpha * g * g + (1 - alpha) * fisher
            if kind == 'pi':
                way = steps[-1][2] - steps[0][1]
                score = max(0.0, path / (way**2 + 1e-20)) + history.get('score', 0.0)
            else:
                score = max(0.0, score)
                if 'score' in history:
                    score = 0.5 * (score + history['score'])
            found['fisher'].append(fisher)
            found['score'].append(score)
        for key, by_name in maps.items():
            by_name[name] = found[key]
    return maps


def slow_maps(kind, track, old, alpha=0.9, interval=3, eps=1e-7):
    """The importance of every element, one after another."""
    maps = empty_maps(kind)
    for name in TRAINED:
        fishers, scores = [], []
        for e in range(track[0][0][name].numel()):
            steps = [[t[name].flatten()[e].item() for t in step] for step in track]
            fisher, path, score, start = 1.0, 0.0, 0.0, steps[0][1]
            for count, (g, before, after) in enumerate(steps, 1):
                fisher = alpha * g * g + (1 - alpha) * fisher
                path -= g * (after - before)
                if kind == 'rw' and count % interval == 0:
                    distance = 0.5 * fisher * (after - start) ** 2
                    score += max(0.0, path / (distance + eps))
                    path, start = 0.0, after
            if kind == 'pi':
                score = max(0.0, path / ((after - start) ** 2 + eps))
            if old and kind in ('pi', 'rw') and e < old['score'][name].numel():
                score += old['score'][name].flatten()[e].item()
                score /= 2 if kind == 'rw' else 1
            fishers.append(fisher)
            scores.append(score)
        for key, found in (('fisher', fishers), ('score', scores)):
            if key in maps:
                maps[key][name] = found
    return maps


SLOW_MAPS = dict(paper=slow_maps, official=slow_official_maps)


def slow_omega(maps, name, eps):
    """Sum of the maps of one parameter, each scaled to 0..1."""
    total = 0
    for by_name in maps.values():
        m = by_name[name]
        total = total + (m - m.min()) / (m.max() - m.min() + eps)
    return total


@pytest.fixture(params=VARIANTS)
def variant(request):
    return request.param


@pytest.fixture(params=KINDS)
def first_step(request, variant, tmp_path):
    """A finished first step: kind, checkpoint file and its content."""
    net = Net(OLD, seed=0)
    hook = HOOKS.build(
        dict(
            type='ParameterImportanceHook',
            importance=request.param,
            weight=3.0,
            interval=3,
            variant=variant,
        )
    )
    assert isinstance(hook, ParameterImportanceHook)
    track = train(net, hook)
    content = saved(tmp_path / 'first.pth', net, hook)
    return request.param, str(tmp_path / 'first.pth'), content, track


def assert_maps(entry, want):
    assert set(entry['maps']) == set(want)
    for key, by_name in want.items():
        for name, expected in by_name.items():
            got = entry['maps'][key][name].flatten().tolist()
            assert got == pytest.approx(expected, rel=1e-9), (key, name)


def test_first_step_only_records(first_step, variant):
    kind, _, content, track = first_step
    entry = content['parameter_importance']
    assert entry['importance'] == kind and entry['num_updates'] == 7
    assert_maps(entry, SLOW_MAPS[variant](kind, track, {}))
    plain = Net(OLD, seed=0)
    train(plain, ParameterImportanceHook('ewc', 0.0))
    for name, value in values(plain).items():
        assert torch.equal(value, content['state_dict'][name])
    untouched = dict(fisher=[1.0, 1.0], score=[0.0, 0.0])
    for key, by_name in entry['maps'].items():
        assert by_name['unused'].tolist() == untouched[key]
        assert 'frozen' not in by_name


def test_second_step_is_pulled_to_the_first(first_step, variant):
    kind, path, content, _ = first_step
    old = content['parameter_importance']['maps']
    net = Net(NEW, seed=1)  # not the weights of the first step
    hook = ParameterImportanceHook(
        kind, 3.0, checkpoint=path, interval=3, variant=variant
    )
    eps = dict(paper=0, official=1e-8)[variant]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    tracker = hook.track(net, optimizer)
    penalty = 0
    for name, param in net.named_parameters():
        if name in TRAINED:
            reference = content['state_dict'][name]
            rows = param[:OLD] if 'conv_seg' in name else param
            penalty = (
                penalty
                + (slow_omega(old, name, eps) * (rows - reference).square()).sum()
            )
    torch.testing.assert_close(tracker.penalty.value(), 3.0 * penalty.detach())
    trained = [dict(net.named_parameters())[n] for n in TRAINED]
    want = torch.autograd.grad(net.loss(0) + 3.0 * penalty, trained)
    before = values(net)
    net.loss(0).backward()
    optimizer.step()
    for name, grad, expected in zip(
        TRAINED, values(net, gradients=True).values(), want, strict=True
    ):
        torch.testing.assert_close(grad, expected)
        moved = before[name] - values(net)[name]
        torch.testing.assert_close(moved, 0.05 * expected)
    assert net.unused.grad is None


def test_importance_over_two_steps(first_step, variant, tmp_path):
    kind, path, content, _ = first_step
    net = Net(NEW, seed=1)
    hook = ParameterImportanceHook(
        kind, 0.01, checkpoint=path, interval=3, variant=variant
    )
    track = train(net, hook, steps=8)
    entry = saved(tmp_path / 'second.pth', net, hook)['parameter_importance']
    old = content['parameter_importance']['maps']
    assert_maps(entry, SLOW_MAPS[variant](kind, track, old))


def test_rows_of_each_step_are_normalized_by_themselves(first_step, variant, tmp_path):
    kind, path, _, _ = first_step

    def hook(checkpoint, weight=0.0):
        return ParameterImportanceHook(kind, weight, checkpoint, variant=variant)

    net, second = Net(NEW, seed=1), hook(path)
    train(net, second, steps=11)
    content = saved(tmp_path / 'second.pth', net, second)
    entry = content['parameter_importance']
    assert entry['rows'] == {n: [OLD, NEW - OLD] for n in TRAINED if 'conv_seg' in n}
    third = hook(str(tmp_path / 'second.pth'), weight=1.0)
    net = Net(NEW + 2, seed=2)
    tracker = third.track(net, torch.optim.SGD(net.parameters(), lr=0.01))
    names = {id(p): n for n, p in net.named_parameters()}
    params, _, importance = tracker.penalty.tensors
    found = {names[id(p)]: i for p, i in zip(params, importance, strict=True)}
    eps = dict(paper=0, official=1e-8)[variant]
    name = 'decode_head.conv_seg.weight'
    maps = entry['maps'].values()
    for rows in (slice(OLD), slice(OLD, NEW)):
        parts = {k: {name: m[name][rows]} for k, m in enumerate(maps)}
        torch.testing.assert_close(found[name][rows], slow_omega(parts, name, eps))
    assert not found[name][NEW:].any()
    assert tracker.entry()['rows'][name] == [OLD, NEW - OLD, 2]


def test_resumed_training_is_the_same(first_step, variant, tmp_path):
    kind, path, _, _ = first_step

    def hook():
        return ParameterImportanceHook(
            kind, 0.1, checkpoint=path, interval=3, variant=variant
        )

    whole, recording = Net(NEW, seed=1), hook()
    train(whole, recording, steps=8, momentum=0)
    want = saved(tmp_path / 'whole.pth', whole, recording)

    part, recording = Net(NEW, seed=1), hook()
    train(part, recording, steps=4, momentum=0)  # inside an interval
    middle = saved(tmp_path / 'middle.pth', part, recording)
    rest, recording = Net(NEW, seed=2), hook()
    rest.load_state_dict(middle['state_dict'])
    train(rest, recording, 4, 4, middle['parameter_importance'], momentum=0)
    got = saved(tmp_path / 'rest.pth', rest, recording)
    for content in (got, want):
        assert content['parameter_importance'].pop('importance') == kind
    torch.testing.assert_close(got, want, rtol=0, atol=0)


def test_raw_importance(first_step, variant):
    kind, path, content, _ = first_step
    maps = content['parameter_importance']['maps']
    hook = ParameterImportanceHook(
        kind, 2.0, checkpoint=path, normalize=False, variant=variant
    )
    net = Net(NEW, seed=1)
    tracker = hook.track(net, torch.optim.SGD(net.parameters(), lr=0.1))
    want = 0
    for name, param in net.named_parameters():
        if param.requires_grad:
            reference = content['state_dict'][name]
            rows = param[:OLD] if 'conv_seg' in name else param
            omega = sum(m[name] for m in maps.values())
            want += 2.0 * (omega * (rows - reference).square()).sum()
    torch.testing.assert_close(tracker.penalty.value(), want.detach())


def test_two_parameters_by_hand(tmp_path):
    class Two(nn.Module):
        def __init__(self, values):
            super().__init__()
            self.p = nn.Parameter(torch.tensor(values))

    maps = dict(fisher=dict(p=torch.tensor([5.0, 1.0])))  # 1 and 0 if normalized
    kind = dict(importance='ewc', official=False)
    entry = dict(**kind, rows={}, maps=maps, state={}, num_updates=1)
    state_dict = dict(p=torch.tensor([1.0, 2.0]))
    path = tmp_path / 'two.pth'
    torch.save(dict(state_dict=state_dict, parameter_importance=entry), path)
    net = Two([4.0, 4.0])
    hook = ParameterImportanceHook('ewc', 500.0, str(path), alpha=0.5)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001)
    tracker = hook.track(net, optimizer)
    assert tracker.penalty.value() == 500 * (4 - 1) ** 2
    (net.p * torch.tensor([2.0, 3.0])).sum().backward()
    optimizer.step()
    assert net.p.grad.tolist() == [2 + 2 * 500 * 3, 3]
    assert tracker.entry()['maps']['fisher']['p'].tolist() == [2.5, 5.0]


def fisher_after(update, seed=0):
    """Fisher maps and net after ``update(net, optimizer)`` with a recording hook."""
    net, hook = Net(OLD, seed=seed), ParameterImportanceHook('ewc', 1.0)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    tracker = hook.track(net, optimizer)
    update(net, optimizer)
    entry = tracker.entry()
    return entry['maps']['fisher'], entry['num_updates']


# torch 2.3 brought loss scaling without a GPU, torch 2.4 fused optimizers without one.
needs_scaler = pytest.mark.skipif(
    'fused' not in inspect.signature(torch.optim.SGD).parameters,
    reason='this torch scales losses on GPUs only',
)


@needs_scaler
def test_loss_scaling_is_undone_and_overflow_not_seen():
    plain, _ = fisher_after(lambda n, o: (n.loss(0).backward(), o.step()))

    def scaled(net, optimizer):
        scaler = torch.amp.GradScaler('cpu', init_scale=1024.0)
        scaler.scale(net.loss(0)).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        before = values(net)
        scaler.scale(net.loss(1) * float('inf')).backward()
        scaler.step(optimizer)
        scaler.update()
        assert scaler.get_scale() == 512
        torch.testing.assert_close(values(net), before, rtol=0, atol=0)

    got, num_updates = fisher_after(scaled)
    assert num_updates == 1
    torch.testing.assert_close(got, plain)


def test_accumulated_gradients_count_once():
    def mean_of_two(net, optimizer):
        ((net.loss(0) + net.loss(1)) / 2).backward()
        optimizer.step()

    def accumulated(net, optimizer):
        wrapper = OptimWrapper(optimizer, accumulative_counts=2)
        for step in range(2):
            wrapper.update_params(net.loss(step))

    (want, _), (got, num_updates) = map(fisher_after, (mean_of_two, accumulated))
    assert num_updates == 1
    torch.testing.assert_close(got, want)


def test_clipping_reaches_the_task_gradient_only(tmp_path):
    first = Net(OLD, seed=0)
    hook = ParameterImportanceHook('ewc', 1.0)
    train(first, hook)
    saved(tmp_path / 'first.pth', first, hook)

    def gradients(weight, clip_grad):
        net = Net(OLD, seed=1)
        hook = ParameterImportanceHook('ewc', weight, str(tmp_path / 'first.pth'))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        tracker = hook.track(net, optimizer)
        net.loss(0).backward()
        OptimWrapper(optimizer, clip_grad=clip_grad).step()
        return values(net, gradients=True), tracker.entry()['maps']['fisher']

    clip = dict(max_norm=1e-3)
    task, want = gradients(0.0, dict(clip))
    both, got = gradients(9.0, dict(clip))
    free, _ = gradients(0.0, None)
    free_both, _ = gradients(9.0, None)
    norm = torch.cat([g.flatten() for g in task.values()]).norm()
    assert norm == pytest.approx(1e-3, rel=1e-3)
    torch.testing.assert_close(got, want)
    for name in TRAINED:
        penalty = free_both[name] - free[name]
        torch.testing.assert_close(both[name] - task[name], penalty)


def test_state_follows_the_layout_of_parameters(tmp_path):
    def tracked(checkpoint=None, **layout):
        net = Net(OLD, seed=0)
        net.decode_head.conv_seg = nn.Conv2d(4, OLD, 3).double()
        net.to(**layout)
        hook = ParameterImportanceHook('rw', 1.0, checkpoint)
        hook.track(net, torch.optim.SGD(net.parameters(), lr=0.1))
        return net, hook

    path = tmp_path / 'first.pth'
    entry = saved(path, *tracked())['parameter_importance']
    layout = torch.channels_last
    _, hook = tracked(str(path), memory_format=layout)
    tracker = hook.tracker
    tracker.restore(entry)
    index = list(tracker.params).index('decode_head.conv_seg.weight')
    kept = [*tracker.recorder.state.values(), *tracker.penalty.tensors]
    assert all(t[index].is_contiguous(memory_format=layout) for t in kept)


def runner_of(wrapper):
    return SimpleNamespace(optim_wrapper=wrapper)


def test_optimizers_it_cannot_follow():
    hook, net = ParameterImportanceHook('ewc', 1.0), Net(OLD, seed=0)
    one = OptimWrapper(torch.optim.SGD(net.parameters(), lr=0.1))
    with pytest.raises(TypeError, match='is OptimWrapperDict: use a plain'):
        hook.before_train(runner_of(OptimWrapperDict(body=one)))


@needs_scaler
def test_fused_optimizers_in_mixed_precision():
    hook, net = ParameterImportanceHook('ewc', 1.0), Net(OLD, seed=0)
    fused = torch.optim.SGD(net.parameters(), lr=0.1, fused=True)
    hook.before_train(runner_of(OptimWrapper(fused)))
    mixed = object.__new__(AmpOptimWrapper)  # its constructor wants a GPU
    mixed.optimizer = fused
    with pytest.raises(ValueError, match='fused=False'):
        hook.before_train(runner_of(mixed))
    mixed.optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    hook.before_train(runner_of(mixed))


def test_unfit_checkpoints_are_named(first_step, variant, tmp_path):
    kind, path, content, _ = first_step
    other = KINDS[KINDS.index(kind) - 1]

    def attach(kind, path, net=None, resumed=None):
        hook = ParameterImportanceHook(kind, 1.0, path, variant=variant)
        net = net or Net(NEW, seed=1)
        tracker = hook.track(net, torch.optim.SGD(net.parameters(), lr=0.1))
        if resumed is not None:
            tracker.restore(resumed)

    with pytest.raises(ValueError, match=f"first.pth holds .*'{kind}', .*'{other}'"):
        attach(other, path)
    entry = content['parameter_importance']
    another = VARIANTS[VARIANTS.index(variant) - 1]
    hook = ParameterImportanceHook(kind, 1.0, path, variant=another)
    with pytest.raises(ValueError, match=f"'{variant}', but .*'{another}': train both"):
        hook.track(net := Net(NEW, seed=1), torch.optim.SGD(net.parameters(), lr=0.1))
    with pytest.raises(ValueError, match='to resume from holds importance of the kind'):
        attach(other, None, resumed=entry)
    net = Net(OLD, seed=1)
    net.frozen.requires_grad_()
    with pytest.raises(ValueError, match=r"other trainable parameters .*\['frozen'\]"):
        attach(kind, None, net, entry)
    net = Net(NEW, seed=1)
    net.body = nn.Linear(3, 5)
    with pytest.raises(ValueError, match=r'body.weight is \(4, 3\) in .*first.pth'):
        attach(kind, path, net)
    with pytest.raises(ValueError, match=r'conv_seg.weight is \(2, 4, 1, 1\) .*\(1,'):
        attach(kind, path, Net(1, seed=1))
    torch.save(dict(state_dict=content['state_dict']), tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match="bare.pth has no entry 'parameter_imp"):
        attach(kind, str(tmp_path / 'bare.pth'))
    with pytest.raises(FileNotFoundError, match='train it first'):
        attach(kind, str(tmp_path / 'nowhere'))


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(importance='mas'), "importance='mas' is unknown; use one of 'ewc', 'pi'"),
        (dict(variant='code'), "variant='code' is unknown; use one of 'paper', 'offi"),
        (dict(weight=-1.0), 'weight must not be negative, got -1.0'),
        (dict(weight=float('nan')), 'weight must not be negative, got nan'),
        (dict(alpha=0), 'alpha must be above 0 and at most 1, got 0'),
        (dict(interval=0), 'interval must be at least 1, got 0'),
        (dict(eps=0), 'eps must be positive, got 0'),
    ],
)
def test_bad_settings_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ParameterImportanceHook(**{'importance': 'ewc', 'weight': 1.0, **kwargs})


# From https://github.com/fcdl94/MiB, commit 1c58983, utils/regularizer.py (EWC, PI and
# RW, run in float64): raw maps after 12 updates.
AUTHORS_FISHER = [
    0.9609746887,
    0.4053841298,
    0.0311759631,
    0.6948328754,
    0.8577350441,
    0.05151333,
]
AUTHORS_MAPS = dict(
    ewc=dict(fisher=AUTHORS_FISHER),
    pi=dict(
        score=[
            27.6656627016,
            62.914556156,
            4.7455826763,
            4.3119223704,
            108.915736541,
            8.6269122635,
        ]
    ),
    rw=dict(
        fisher=AUTHORS_FISHER,
        score=[50.3977880952, 1.5381588667, 0.0, 0.0, 19.1742842515, 0.0],
    ),
)


@pytest.mark.parametrize('kind', KINDS)
def test_official_maps_are_the_authors(kind):
    net = nn.Module()
    net.p = nn.Parameter(wave(6, phase=0.2, scale=1))
    hook = ParameterImportanceHook(kind, 1.0, interval=5, variant='official')
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    tracker = hook.track(net, optimizer)
    for step in range(12):
        net.p.grad = wave(6, phase=0.5 + 0.4 * step, scale=1)
        optimizer.step()
    maps = tracker.entry()['maps']
    assert set(maps) == set(AUTHORS_MAPS[kind])
    for key, want in AUTHORS_MAPS[kind].items():
        want = torch.tensor(want, dtype=torch.float64)
        torch.testing.assert_close(maps[key]['p'], want, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    'settings', [dict(momentum=0.9, nesterov=True), dict(momentum=0.9), dict()]
)
@pytest.mark.parametrize('kind, largest', [('ewc', 1), ('pi', 1), ('rw', 2)])
def test_the_stability_limit_is_where_sgd_diverges(settings, kind, largest):
    """The weight that the message gives converges, and a tenth more diverges."""
    rate, hook = 0.001, ParameterImportanceHook(kind, 1e5)
    with pytest.raises(ValueError, match='step_1: .* makes SGD diverge') as caught:
        hook.check_stability(dict(settings, lr=rate), 'step_1')
    most = float(re.search(r'hook to (\S+) or less', str(caught.value)).group(1))
    fits = ParameterImportanceHook(kind, most)
    fits.check_stability(dict(settings, lr=rate), 'step_1')
    for weight, converges in ((most, True), (1.1 * most, False)):
        param = torch.ones(1, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([param], lr=rate, **settings)
        for _ in range(3000):
            param.grad = 2 * weight * largest * param.detach()
            optimizer.step()
        assert (param.abs() < 1).item() is converges


def test_a_rate_beyond_the_limit_stops_the_step_at_its_start():
    net = Net(OLD, seed=0)
    sgd = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9, nesterov=True)
    runner = SimpleNamespace(optim_wrapper=OptimWrapper(sgd), work_dir='runs/step_1')
    hook = ParameterImportanceHook('ewc', 500.0, checkpoint='runs/step_0')
    hook.before_train(runner)
    sgd.param_groups[0]['initial_lr'] = 0.0015  # warm-up has lowered 'lr'
    with pytest.raises(
        ValueError, match='runs/step_1: .* is 1.5 and must be below 1.36'
    ):
        hook.before_train(runner)
    ParameterImportanceHook('ewc', 500.0).before_train(runner)  # records only
    raw = ParameterImportanceHook('ewc', 500.0, 'runs/step_0', normalize=False)
    raw.before_train(runner)
    runner.optim_wrapper = OptimWrapper(torch.optim.AdamW(net.parameters(), lr=1.0))
    hook.before_train(runner)
