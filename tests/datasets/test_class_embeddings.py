import numpy as np
import pytest

from mmseg_labelfree.datasets.class_embeddings import (
    class_embeddings,
    write_class_embeddings,
)

NAMES = ['background', 'potted_plant', 'tv', 'wall-brick']


@pytest.fixture
def file(tmp_path):
    rng = np.random.default_rng(0)
    sources = dict(
        fasttext=rng.normal(size=(4, 3)).astype(np.float32),
        word2vec=rng.normal(size=(4, 5)).astype(np.float32),
    )
    path = tmp_path / 'new' / 'vectors.npz'
    write_class_embeddings(path, NAMES, sources)
    assert [p.name for p in path.parent.iterdir()] == ['vectors.npz']
    return str(path), sources


def slow_unit(*parts):
    joined = []
    for part in parts:
        norm = sum(float(v) ** 2 for v in part) ** 0.5
        joined += [float(v) / norm for v in part]
    norm = sum(v * v for v in joined) ** 0.5
    return np.array([v / norm for v in joined], np.float32)


def test_sources_are_normalized_and_put_side_by_side(file):
    path, sources = file
    got = class_embeddings(path, ['Wall Brick', 'pottedplant'])
    for row, k in zip(got, (3, 1), strict=True):
        expected = slow_unit(sources['fasttext'][k], sources['word2vec'][k])
        np.testing.assert_allclose(row, expected, rtol=1e-6)
    assert got.dtype == np.float32


def test_one_source_aliases_and_rows(file):
    path, sources = file
    settings = dict(file=path, arrays=('word2vec',), dim=5)
    got = class_embeddings(
        dict(settings, aliases=dict(tvmonitor='tv', plant=1)), ['tvmonitor', 'plant']
    )
    np.testing.assert_allclose(got[0], slow_unit(sources['word2vec'][2]), rtol=1e-6)
    np.testing.assert_allclose(got[1], slow_unit(sources['word2vec'][1]), rtol=1e-6)
    with pytest.raises(ValueError, match="alias 9 of 'plant' is no row of"):
        class_embeddings(dict(settings, aliases=dict(plant=9)), ['plant'])


def test_a_matrix_and_attributes():
    got = class_embeddings([[3.0, 4.0], [0.0, 2.0]], ['a', 'b'])
    np.testing.assert_allclose(got, [[0.6, 0.8], [0, 1]])
    with pytest.raises(ValueError, match=r'shape \(1, 2\); 2 classes need \(2, D\)'):
        class_embeddings([[3.0, 4.0]], ['a', 'b'])
    attributes = class_embeddings('demo_voc', ['background', 'sofa', 'chair'])
    assert attributes.shape == (3, 17) and (attributes[1:, 16] == 0).all()
    np.testing.assert_allclose(attributes[1, attributes[1] > 0], [3**-0.5] * 3)
    assert attributes[0].tolist() == [0.0] * 16 + [1.0]
    with pytest.raises(ValueError, match=r"no attributes for \['unicorn'\]"):
        class_embeddings('demo_voc', ['unicorn'])


def test_what_is_wrong_is_said(file, tmp_path):
    path, sources = file
    with pytest.raises(FileNotFoundError, match='make_class_embeddings.py'):
        class_embeddings(str(tmp_path / 'gone.npz'), ['tv'])
    with pytest.raises(ValueError, match=r'no vector for tvmonitor \(close: .*alias'):
        class_embeddings(path, ['tvmonitor'])
    with pytest.raises(ValueError, match='embeddings of 8 numbers .* but 600 are exp'):
        class_embeddings(dict(file=path, dim=600), ['tv'])
    with pytest.raises(ValueError, match=r"has no array \['glove'\]; it has"):
        class_embeddings(dict(file=path, arrays=['glove']), ['tv'])
    broken = tmp_path / 'broken.npz'
    broken.write_bytes(b'no archive')
    with pytest.raises(ValueError, match='no readable .npz file'):
        class_embeddings(str(broken), ['tv'])
    np.savez(broken, vectors=sources['fasttext'])
    with pytest.raises(ValueError, match='has no array `names`'):
        class_embeddings(str(broken), ['tv'])
    np.savez(broken, names=NAMES, fasttext=sources['fasttext'][:2])
    with pytest.raises(ValueError, match=r'has shape \(2, 3\), but 4 names need'):
        class_embeddings(str(broken), ['tv'])
    np.savez(broken, names=NAMES, fasttext=np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"no vector for \['tv'\]: it is zero"):
        class_embeddings(str(broken), ['tv'])


def test_names_that_repeat(file, tmp_path):
    _, sources = file
    path = tmp_path / 'twice.npz'
    same = sources['fasttext'][[0, 0, 1, 2]]
    write_class_embeddings(path, ['light', 'light', 'sign', 'sign'], dict(a=same))
    assert class_embeddings(str(path), ['light']).shape == (1, 3)
    with pytest.raises(ValueError, match=r"'sign' in the rows \[2, 3\], with"):
        class_embeddings(str(path), ['sign'])
    assert class_embeddings(dict(file=path, aliases=dict(sign=3)), ['sign']).any()


def test_an_alias_counts_where_the_own_name_does_not_tell(tmp_path):
    """Aliases for a file with short names do not disturb one with the full names."""
    vectors = np.eye(4, dtype=np.float32)
    classes = ['traffic light', 'light', 'tvmonitor', 'cow']
    aliases = {'traffic light': 0, 'light': 2, 'tvmonitor': 'tv'}
    short, full = tmp_path / 'short.npz', tmp_path / 'full.npz'
    write_class_embeddings(short, ['light', 'tv', 'light', 'cow'], dict(a=vectors))
    write_class_embeddings(full, classes[::-1], dict(a=vectors))
    for file, rows in ((short, [0, 2, 1, 3]), (full, [3, 2, 1, 0])):
        found = class_embeddings(dict(file=file, aliases=aliases), classes)
        np.testing.assert_array_equal(found, vectors[rows])
