# MiB, Cityscapes 11-2 (Table 4: 70.2, 33.7, 53.7, 49.0, 53.9, all 60.7).
_base_ = './deeplabv3_x101_cityscapes_vehicles.py'
protocol = dict(task='cityscapes_11-2')
