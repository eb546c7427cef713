# STRICT among text embeddings of CLIP in place of word vectors, COCO-Stuff.
_base_ = '../_base_/strict_cocostuff.py'
model = dict(
    _base_.strict,
    decode_head=dict(
        embeddings=dict(
            file='{{$LABELFREE_DATA:data}}/word_vectors/cocostuff_clip.npz',
            **_base_.clip,
        )
    ),
)
