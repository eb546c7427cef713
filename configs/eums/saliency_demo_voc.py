# A thin SaliencyNet on the objects of base classes, generated demo data, fold 0.
_base_ = '../_base_/saliency_demo.py'
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='Adam', lr=0.001)  # BASNet, section 4.2
)
train_cfg = dict(max_iters=600, val_interval=600)
param_scheduler = [dict(type='PolyLR', power=0.9, end=600, by_epoch=False)]
