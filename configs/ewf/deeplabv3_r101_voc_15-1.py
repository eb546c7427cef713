# EWF on MiB, VOC 15-1, overlapped.
_base_ = '../_base_/mib_voc.py'
model = _base_.mib  # code: distillation at 10 here, too
custom_hooks = [*_base_.custom_hooks, _base_.ewf]
train_dataloader = dict(batch_size=6)  # on each of 4 GPUs
protocol = dict(task='voc_15-1')
