# STRICT on PASCAL VOC 2012 (section 4), 15 seen and 5 unseen classes: DeepLabV2 with
# ResNet-101 among word vectors, crops of 321 x 321.
_base_ = [
    './models/spnet_r101-d8.py',
    './datasets/voc_zero_label_321x321.py',
    './schedules/strict_voc.py',
    './methods/strict.py',
    './default_runtime.py',
]
model = dict(
    pseudo_weight=1.0,  # code: one cross-entropy over both label maps
    decode_head=dict(
        embeddings=dict(
            file='{{$LABELFREE_DATA:data}}/word_vectors/voc12.npz',
            aliases=dict(tvmonitor='tv'),
            **_base_.fasttext_word2vec,
        ),
        head=dict(loss_decode=_base_.strict_loss),
    ),
)
protocol = dict(
    split='voc_15-5',
    initial_stage=dict(
        train_dataloader=dict(batch_size=10),  # SPNet's code
        auto_scale_lr=dict(base_batch_size=10),
        # Section 4: 20K iterations.
        train_cfg=dict(max_iters=20000, val_interval=20000),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=20000, by_epoch=False)],
    ),
)
