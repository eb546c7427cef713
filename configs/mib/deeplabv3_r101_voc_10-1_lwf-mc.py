# LwF-MC, VOC 10-1, overlapped (not in the paper).
_base_ = './deeplabv3_r101_voc_10-1_ft.py'
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
