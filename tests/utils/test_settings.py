from mmengine.config import ConfigDict

from mmseg_labelfree.utils.settings import differing_settings, plain_settings


def test_differing_settings_are_named_with_both_values():
    old = dict(a=1, b=dict(c=[1, 2], d='x', gone=0), same=dict(k=None), e=dict(f=1))
    new = dict(a=1, b=dict(c=[1, 3], d='x', added='y'), same=dict(k=None), e=2)
    assert differing_settings(old, new) == [
        'b.c was [1, 2], is [1, 3]',
        'b.gone was 0, is not set',
        "b.added was not set, is 'y'",
        "e was {'f': 1}, is 2",
    ]
    assert differing_settings(old, old) == []


def test_plain_settings_are_those_of_a_file():
    config = ConfigDict(size=(3, 4), model=dict(type=int), keep=0.67)
    plain = plain_settings(config)
    assert plain == dict(size=[3, 4], model=dict(type="<class 'int'>"), keep=0.67)
    assert type(plain['model']) is dict
