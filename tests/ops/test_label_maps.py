import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmseg_labelfree.ops.label_maps import apply_table, loaded_labels, lookup_table

values = st.integers(0, 255)


@given(
    st.dictionaries(values, values),
    values,
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)),
)
def test_table_agrees_with_a_loop_over_pixels(mapping, default, labels):
    mapped = apply_table(labels, lookup_table(mapping, default))
    assert mapped.dtype == np.uint8
    assert mapped.shape == labels.shape
    for position, label in np.ndenumerate(labels):
        assert mapped[position] == mapping.get(int(label), default)


def test_lookup_table_refuses_values_out_of_range():
    with pytest.raises(ValueError, match='300: 1'):
        lookup_table({300: 1})
    with pytest.raises(ValueError, match='3: 256'):
        lookup_table({3: 256})


def test_apply_table_names_all_wrong_values():
    table = lookup_table({0: 0, 255: 255})
    with pytest.raises(ValueError, match=r'\[7, 9\]'):
        apply_table(np.array([[0, 9], [7, 255]], np.uint8), table)


@pytest.mark.parametrize('wrong', [-1, 256])
def test_apply_table_refuses_what_no_byte_can_hold(wrong):
    table = lookup_table({}, default=0)
    with pytest.raises(ValueError, match=rf'\[{wrong}\]'):
        apply_table(np.array([[0, wrong]], np.int64), table)
    assert apply_table(np.array([[0, 9]], np.int64), table).tolist() == [[0, 0]]


@settings(max_examples=30)
@given(st.booleans(), st.none() | st.dictionaries(values, values))
def test_loaded_labels_agree_with_mmseg(tmp_path_factory, reduce_zero_label, label_map):
    path = tmp_path_factory.mktemp('mask') / 'all_values.png'
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(path)
    results = LoadAnnotations()(
        dict(
            seg_map_path=str(path),
            reduce_zero_label=reduce_zero_label,
            label_map=label_map,
            seg_fields=[],
        )
    )
    expected = results['gt_seg_map'].ravel().tolist()
    assert loaded_labels(reduce_zero_label, label_map).tolist() == expected
