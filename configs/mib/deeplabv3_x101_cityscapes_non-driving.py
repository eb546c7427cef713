# MiB, Cityscapes non-driving (Table 4: old 66.4, novel 70.0, all 67.6).
_base_ = './deeplabv3_x101_cityscapes_vehicles.py'
protocol = dict(task='cityscapes_non-driving')
