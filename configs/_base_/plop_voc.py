# Class-incremental VOC 2012 as PLOP's code runs it: MiB's network, images and schedule,
# with other void pixels and future classes.
_base_ = [
    './models/deeplabv3_r101-d16.py',
    './datasets/voc_incremental_512x512.py',
    './schedules/mib_30e.py',
    './methods/mib.py',
    './default_runtime.py',
]
train_dataloader = dict(dataset=dict(void='ignore'))  # code: 255 stays 255
val_dataloader = dict(dataset=dict(future='background'))  # code: all images are tested
test_dataloader = val_dataloader
protocol = dict(
    # code: 0.01 in the first step, 0.001 in the following ones
    next_steps=dict(optim_wrapper=dict(optimizer=dict(lr=0.001))),
)
