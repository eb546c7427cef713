# STRICT among text embeddings of CLIP in place of word vectors, VOC 15-5.
_base_ = '../_base_/strict_voc.py'
model = dict(
    _base_.strict,
    decode_head=dict(
        embeddings=dict(
            file='{{$LABELFREE_DATA:data}}/word_vectors/voc12_clip.npz', **_base_.clip
        )
    ),
)
