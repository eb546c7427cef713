# STRICT on COCO-Stuff (section 4), 155 + 12 seen and 15 unseen classes: DeepLabV2 with
# ResNet-101 among word vectors, crops of 321 x 321.
_base_ = [
    './models/spnet_r101-d8.py',
    './datasets/cocostuff_zero_label_321x321.py',
    './schedules/strict_voc.py',
    './methods/strict.py',
    './default_runtime.py',
]
model = dict(
    pseudo_weight=1.0,  # code: one cross-entropy over both label maps
    decode_head=dict(
        embeddings=dict(
            file='{{$LABELFREE_DATA:data}}/word_vectors/cocostuff.npz',
            # SPNet's file has a row for each of 182 labels under short names, of which
            # some are there twice; these are the rows where the names differ or repeat.
            # A file of make_class_embeddings.py has the full names, which go first.
            aliases={
                'traffic light': 9,
                'fire hydrant': 10,
                'stop sign': 12,
                'parking meter': 13,
                'dog': 17,
                'bear': 22,
                'sports ball': 36,
                'baseball bat': 38,
                'baseball glove': 39,
                'tennis racket': 42,
                'wine glass': 45,
                'hot dog': 57,
                'potted plant': 63,
                'dining table': 66,
                'cell phone': 76,
                'teddy bear': 87,
                'hair drier': 88,
                'light': 129,
                'table': 164,
            },
            **_base_.fasttext_word2vec,
        ),
        head=dict(loss_decode=_base_.strict_loss),
    ),
)
protocol = dict(
    split='cocostuff_156-15',  # 11 of the 167 seen labels never occur
    initial_stage=dict(
        # SPNet's code: batches of 5, gradients of two batches added up.
        train_dataloader=dict(batch_size=10),
        auto_scale_lr=dict(base_batch_size=10),
        # Section 4: 100K iterations.
        train_cfg=dict(max_iters=100000, val_interval=100000),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=100000, by_epoch=False)],
    ),
    next_rounds=dict(
        # Code; section 4: 22K iterations.
        train_cfg=dict(max_iters=22356, val_interval=22356),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=22356, by_epoch=False)],
    ),
)
