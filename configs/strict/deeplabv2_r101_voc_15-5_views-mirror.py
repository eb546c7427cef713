# STRICT with other views, VOC 15-5 (Table 3, mirror: seen 80.4, unseen 27.2,
# harmonic mean 40.7).
_base_ = './deeplabv2_r101_voc_15-5.py'
model = dict(generator=dict(views='mirror'))
