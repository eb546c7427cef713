# Full supervision, the upper bound of scribbles on VOC 2012 (Table 6: five scales,
# tools/test.py --tta, with or without --crf).
_base_ = '../_base_/mib_voc_scribbles.py'
model = _base_.full
train_dataloader = dict(dataset=dict(pipeline=_base_.full_pipeline))
