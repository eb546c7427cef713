# U2PL+, section 4.1, Cityscapes: 0.01 and 5e-4; code: one rate for all layers, 2 + 2
# images on 8 GPUs.
_base_ = './u2pl_voc.py'
optim_wrapper = dict(
    optimizer=dict(lr=0.01, weight_decay=5e-4), paramwise_cfg=dict(_delete_=True)
)
