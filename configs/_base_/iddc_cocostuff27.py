# IDDC on COCO-Stuff-27, DINO.
_base_ = [
    './models/clustering_dino.py',
    './datasets/cocostuff27_pairs_224x224.py',
    './schedules/iddc_20e.py',
    './methods/iddc.py',
    './default_runtime.py',
]
model = _base_.iddc
