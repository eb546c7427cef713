# BASNet with an eighth of the channels and one block a stage, for CPUs.
model = dict(
    type='SaliencyNet',
    width=8,
    num_blocks=(1, 1, 1, 1, 1, 1),
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=None,
        size_divisor=32,
        test_cfg=dict(size_divisor=32),
    ),
)
