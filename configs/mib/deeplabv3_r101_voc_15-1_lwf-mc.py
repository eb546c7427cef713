# LwF-MC, VOC 15-1, overlapped (Table 1: 6.4, 8.4, 6.9).
_base_ = './deeplabv3_r101_voc_15-1_ft.py'
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
