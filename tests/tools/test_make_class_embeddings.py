import importlib.util
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from mmseg_labelfree.datasets.class_embeddings import class_embeddings

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location(
    'make_class_embeddings', ROOT / 'tools' / 'make_class_embeddings.py'
)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    words = ['the', 'potted', 'plant', 'TV', 'dog']
    glove = rng.normal(size=(5, 3)).astype(np.float32)
    lines = [f'{w} ' + ' '.join(map(str, v)) for w, v in zip(words, glove, strict=True)]
    (tmp_path / 'glove.6B.txt').write_text('\n'.join(lines))
    word2vec = rng.normal(size=(5, 2)).astype('<f4')
    content = b'5 2\n' + b''.join(
        w.encode() + b' ' + v.tobytes() for w, v in zip(words, word2vec, strict=True)
    )
    (tmp_path / 'google.bin').write_bytes(content)
    (tmp_path / 'names.txt').write_text('potted plant\n\ntvmonitor\n')
    return tmp_path, glove, word2vec


def unit(vector):
    return vector / np.linalg.norm(vector)


def test_sources_are_written_for_the_heads(files, capsys):
    folder, glove, word2vec = files
    out = folder / 'out' / 'classes.npz'
    tool.main(
        [
            '--names',
            str(folder / 'names.txt'),
            '--alias',
            'tvmonitor=tv',
            '--out',
            str(out),
            '--vectors',
            str(folder / 'glove.6B.txt'),
            f'google={folder / "google.bin"}',
        ]
    )
    assert 'glove_6B (3), google (2)' in capsys.readouterr().out
    data = np.load(out)
    assert data['names'].tolist() == ['potted plant', 'tvmonitor']
    expected = unit((glove[1] + glove[2]) / 2)
    np.testing.assert_allclose(data['glove_6B'][0], expected, rtol=1e-5)
    np.testing.assert_allclose(data['google'][1], unit(word2vec[3]), rtol=1e-5)
    both = class_embeddings(dict(file=out, dim=5), ['tvmonitor'])[0]
    np.testing.assert_allclose(
        both, np.concatenate([unit(glove[3]), unit(word2vec[3])]) / 2**0.5, rtol=1e-5
    )


def test_unknown_words_are_listed_and_nothing_is_written(files, capsys):
    folder, *_ = files
    out = folder / 'classes.npz'
    with pytest.raises(SystemExit, match='Nothing was written'):
        tool.main(
            [
                '--names',
                str(folder / 'names.txt'),
                '--out',
                str(out),
                '--vectors',
                str(folder / 'glove.6B.txt'),
            ]
        )
    assert 'tvmonitor' in capsys.readouterr().err and not out.exists()


def test_names_of_splits_and_configs(files):
    folder, *_ = files
    out = folder / 'classes.npz'
    tool.main(['--split', 'voc_15-5', '--attributes', '--out', str(out)])
    names = np.load(out)['names'].tolist()
    assert names[0] == 'background' and len(names) == 21
    config = str(ROOT / 'configs/strict/demo_voc_15-5.py')
    tool.main(['--config', config, '--attributes', '--out', str(out)])
    assert np.load(out)['names'].tolist() == names
    assert (
        len(
            tool.class_names(
                tool.parse_args(['--split', 'cocostuff_156-15', '--out', 'x'])
            )
        )
        == 171
    )


def test_mistakes(files):
    folder, *_ = files
    names = ['--names', str(folder / 'names.txt'), '--out', str(folder / 'x.npz')]
    with pytest.raises(ValueError, match='there is no source'):
        tool.main(names)
    with pytest.raises(ValueError, match=r"--alias \['cat'\]: no such class"):
        tool.main([*names, '--alias', 'cat=dog', '--attributes'])
    with pytest.raises(FileNotFoundError, match='no folder with a sentence model'):
        tool.main([*names, '--sentences', str(folder / 'model')])


def test_sentence_models_are_an_extra(files):
    folder, *_ = files
    (folder / 'model').mkdir()
    if importlib.util.find_spec('sentence_transformers') is None:
        with pytest.raises(ImportError, match='pip install sentence-transformers'):
            tool.sentence_vectors(str(folder / 'model'), ['dog'], ['{}'])


def test_matrix_of_a_text_model(files, capsys):
    folder, *_ = files
    vectors = np.random.default_rng(1).normal(size=(2, 3, 4)).astype(np.float16)
    np.save(folder / 'clip.npy', vectors)
    out = folder / 'clip.npz'
    names = ['--names', str(folder / 'names.txt')]
    matrix = f'clip={folder / "clip.npy"}'
    tool.main([*names, '--matrix', matrix, '--out', str(out)])
    source = dict(file=str(out), arrays=['clip'])
    found = class_embeddings(source, ['tvmonitor', 'potted plant'])
    for row, prompts in zip(found, vectors[::-1].astype(np.float32), strict=True):
        want = unit(sum(unit(v) for v in prompts))
        np.testing.assert_allclose(row, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ('matrix', 'message'),
    [
        (np.ones((3, 4)), r'of shape \(3, 4\) is not \(classes, D\) or .* 2 classes'),
        (np.ones(2), r'of shape \(2,\) is not'),
        ([[1, np.nan], [1, 2]], r"clip.npy: vectors of \['potted plant'\] are zero or"),
        (
            [[1, np.inf], [1, 2]],
            r"vectors of \['potted plant'\] are zero or not finite",
        ),
        ([[[1, 2], [1, 2]], [[1, 2], [0, 0]]], r"vectors of \['tvmonitor'\] are zero"),
        ([['a'], ['b']], r'clip.npy is no array of numbers: write it with numpy.save'),
        (np.array([None, None]), r'clip.npy is no .npy file of numbers'),
    ],
)
def test_matrices_that_are_wrong(files, matrix, message):
    folder, *_ = files
    np.save(folder / 'clip.npy', matrix)
    out = folder / 'clip.npz'
    command = f'--names {folder}/names.txt --matrix {folder}/clip.npy --out {out}'
    with pytest.raises(ValueError, match=message) as found:
        tool.main(command.split())
    assert '\n' not in str(found.value) and not out.exists()


def test_mistakes_about_sources(files):
    folder, *_ = files
    names = f'--names {folder}/names.txt --out {folder}/clip.npz '.split()
    with pytest.raises(FileNotFoundError, match='--matrix gone.npy does not exist'):
        tool.main([*names, '--matrix', 'gone.npy'])
    with pytest.raises(ValueError, match="name 'a' of a source is taken: write SOURCE"):
        tool.main([*names, '--matrix', 'a=x.npy', '--sentences', 'a=x'])
    with pytest.raises(ValueError, match="name 'names' of a source is taken"):
        tool.main([*names, '--matrix', 'names.npy'])
    with pytest.raises(ValueError, match='--prompts is for --sentences'):
        tool.main([*names, '--matrix', 'a.npy', '--prompts', 'a {}'])
    with pytest.raises(ValueError, match='--alias tv: write CLASS=NAME'):
        tool.main([*names, '--matrix', 'a.npy', '--alias', 'tv'])


@pytest.mark.parametrize('name', ['voc_15-5', 'cocostuff_167-15'])
def test_configs_find_each_class_in_the_file_that_is_made_for_them(files, name):
    """Their aliases, which are for SPNet's files of short names, are in no way."""
    folder, *_ = files
    path = str(ROOT / f'configs/strict/deeplabv2_r101_{name}.py')
    names = tool.class_names(tool.parse_args(['--config', path, '--out', 'x']))
    matrix = np.random.default_rng(2).normal(size=(len(names), 600))
    np.save(folder / 'matrix.npy', matrix)
    out = folder / 'classes.npz'
    source = f'fasttext={folder / "matrix.npy"}'
    tool.main(['--config', path, '--matrix', source, '--out', str(out)])
    settings = Config.fromfile(path).model.decode_head.embeddings
    settings.update(file=str(out), arrays=['fasttext'])
    for row, vector in zip(class_embeddings(settings, names), matrix, strict=True):
        np.testing.assert_allclose(row, unit(vector), rtol=1e-5, atol=1e-6)


def test_prompts_need_a_place_for_the_name(files):
    folder, *_ = files
    (folder / 'model').mkdir()
    if importlib.util.find_spec('sentence_transformers') is None:
        pytest.skip('needs sentence-transformers')
    with pytest.raises(ValueError, match='has no {} for the name'):
        tool.sentence_vectors(str(folder / 'model'), ['dog'], ['a dog'])
