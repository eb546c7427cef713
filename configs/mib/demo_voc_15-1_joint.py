# Joint training, demo VOC 15-1.
_base_ = './demo_voc_15-1.py'
protocol = dict(setup='joint')
