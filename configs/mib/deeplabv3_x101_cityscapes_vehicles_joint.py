# Joint training, Cityscapes vehicles (Table 4: all 73.1).
_base_ = './deeplabv3_x101_cityscapes_vehicles.py'
protocol = dict(setup='joint')
