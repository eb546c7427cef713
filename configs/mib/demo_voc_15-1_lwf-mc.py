# LwF-MC, demo VOC 15-1.
_base_ = './demo_voc_15-1_ft.py'
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
