import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.datasets.word_vectors import (
    name_vectors,
    read_word_vectors,
    words_of,
)

WORDS = ['the', 'potted', 'plant', 'TV', 'at', 'é', 'dog']
VECTORS = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)


def text_lines():
    return [
        ' '.join([word, *(repr(float(v)) for v in vector)])
        for word, vector in zip(WORDS, VECTORS, strict=True)
    ]


def write(path, kind):
    if kind == 'bin':
        with open(path, 'wb') as stream:
            stream.write(b'7 4\n')
            for word, vector in zip(WORDS, VECTORS, strict=True):
                stream.write(word.encode() + b' ' + vector.astype('<f4').tobytes())
                stream.write(b'\n')
        return
    lines = text_lines()
    if kind == 'vec':
        lines = ['7 4', *lines]
    else:  # GloVe's 840B file has such lines
        lines.insert(3, 'at name@domain.com 0.1 0.2 0.3 0.4')
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')


@pytest.mark.parametrize('kind', ['vec', 'txt', 'bin'])
def test_reads_the_wanted_words(tmp_path, kind):
    path = tmp_path / f'vectors.{kind}'
    write(path, kind)
    got = read_word_vectors(path, ['TV', 'at', 'é', 'nothing'], progress=False)
    assert sorted(got) == sorted(['TV', 'at', 'é'])
    for word, vector in got.items():
        assert vector.dtype == np.float32
        np.testing.assert_array_equal(vector, VECTORS[WORDS.index(word)])


def test_stops_when_all_are_found(tmp_path):
    path = tmp_path / 'vectors.vec'
    path.write_text('9 2\nthe 1 2\ndog 3\n')  # the damaged line is never reached
    assert read_word_vectors(path, ['the'], progress=False)['the'].tolist() == [1, 2]
    with pytest.raises(ValueError, match="gives 'dog' 1 numbers, but its vectors"):
        read_word_vectors(path, ['dog'], progress=False)


def test_files_of_another_kind(tmp_path):
    with pytest.raises(FileNotFoundError, match='do not exist; download them'):
        read_word_vectors(tmp_path / 'gone.vec', ['a'])
    path = tmp_path / 'model.bin'
    path.write_bytes((793712314).to_bytes(4, 'little') + bytes(20))
    with pytest.raises(ValueError, match='is a fastText model'):
        read_word_vectors(path, ['a'])
    path.write_bytes(b'hello there\n')
    with pytest.raises(ValueError, match="not in word2vec's binary format"):
        read_word_vectors(path, ['a'])
    path.write_bytes(b'2 4\nthe ' + bytes(10))
    with pytest.raises(ValueError, match='ends before its 2 words'):
        read_word_vectors(path, ['a'])
    empty = tmp_path / 'empty.vec'
    empty.write_text('\n')
    with pytest.raises(ValueError, match='holds no word vectors'):
        read_word_vectors(empty, ['a'])


def test_words_of_names():
    assert words_of('potted plant') == words_of('potted_plant') == ['potted', 'plant']
    assert words_of('wall-concrete') == ['wall', 'concrete']


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3))
def test_names_are_means_of_their_words(words):
    vectors = dict(zip(WORDS, VECTORS, strict=True))
    matrix, missing = name_vectors(['_'.join(words)], vectors)
    mean = [sum(float(vectors[w][d]) for w in words) / len(words) for d in range(4)]
    norm = sum(v * v for v in mean) ** 0.5
    np.testing.assert_allclose(matrix[0], [v / norm for v in mean], rtol=1e-5)
    assert not missing


def test_spellings_aliases_and_what_is_missing():
    vectors = dict(zip(WORDS, VECTORS, strict=True))
    names = ['tvmonitor', 'Dog', 'purple dog']
    matrix, missing = name_vectors(names, vectors, dict(tvmonitor='tv'))
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    np.testing.assert_allclose(matrix[:2], unit[[3, 6]], rtol=1e-6)
    assert missing == {'purple dog': ['purple']} and not matrix[2].any()
    matrix, missing = name_vectors(['a', 'b'], {})
    assert list(missing) == ['a', 'b'] and matrix.shape == (2, 0)
