# LwF-MC, VOC 15-5, disjoint (Table 1: 67.2, 41.2, 60.7).
_base_ = './deeplabv3_r101_voc_15-5_disjoint_ft.py'
model = dict(
    decode_head=dict(
        loss_decode=dict(
            _delete_=True,
            type='IncrementalBCELoss',
            num_old_classes=1,
            variant='official',  # code: old classes are negatives, too
        )
    ),
    distillation=[dict(type='BinaryDistillationLoss', loss_weight=10.0)],  # code
)
