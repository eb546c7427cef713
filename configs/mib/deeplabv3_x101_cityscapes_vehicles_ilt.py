# ILT, Cityscapes vehicles (Table 4).
_base_ = '../_base_/mib_cityscapes.py'
model = _base_.ilt
protocol = dict(task='cityscapes_vehicles', classifier_init='random')
