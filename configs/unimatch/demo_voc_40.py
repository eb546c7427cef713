# UniMatch, generated demo data, 40 labels.
_base_ = '../_base_/u2pl_demo.py'
model = _base_.unimatch
custom_hooks = [*_base_.labeled_hooks, *_base_.own_label_hooks]
val_cfg = dict(_delete_=True, type='ValLoop')
