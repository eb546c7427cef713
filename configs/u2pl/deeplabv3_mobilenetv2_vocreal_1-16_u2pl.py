# U2PL (Table 4, row 6): no denoising, no momentum, cross-entropy.
_base_ = './deeplabv3_mobilenetv2_vocreal_1-16.py'
model = dict(
    denoise=False,
    memory_bank=dict(momentum=0.0),
    unlabeled_loss=dict(_delete_=True, type='CrossEntropyLoss'),
)
