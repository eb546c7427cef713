# STRICT with other views, VOC 15-5 (Table 3, down: seen 82.1, unseen 27.8,
# harmonic mean 41.5).
_base_ = './deeplabv2_r101_voc_15-5.py'
model = dict(generator=dict(views='down'))
