# Class-incremental segmentation of real VOC photographs, for CPUs.
_base_ = [
    './models/deeplabv3_mobilenetv2-d16.py',
    './datasets/vocreal_incremental_128x128.py',
    './schedules/small_sgd.py',
    './methods/mib.py',
    './default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=0.02))
protocol = dict(
    task=[['person', 'dog', 'horse'], ['cat'], ['cow'], ['sheep']],
    initial_step=dict(
        train_cfg=dict(max_iters=1500, val_interval=1500),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=1500, by_epoch=False)],
    ),
    next_steps=dict(
        optim_wrapper=dict(optimizer=dict(lr=0.002)),  # a tenth, as in the paper
        # All images of a step show one kind of animal, and their batch statistics
        # alone undo the other classes (README).
        model=dict(freeze_norm='statistics'),
        train_cfg=dict(max_iters=200, val_interval=200),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=200, by_epoch=False)],
    ),
)
