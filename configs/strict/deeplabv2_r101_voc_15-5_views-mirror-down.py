# STRICT with other views, VOC 15-5 (Table 3, mirror+down: seen 83.7, unseen 29.2,
# harmonic mean 43.3).
_base_ = './deeplabv2_r101_voc_15-5.py'
model = dict(generator=dict(views='mirror+down'))
