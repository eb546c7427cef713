# STRICT with other views, VOC 15-5 (Table 3, up: seen 82.0, unseen 31.1,
# harmonic mean 45.1).
_base_ = './deeplabv2_r101_voc_15-5.py'
model = dict(generator=dict(views='up'))
