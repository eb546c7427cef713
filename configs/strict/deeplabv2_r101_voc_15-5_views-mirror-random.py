# STRICT with other views, VOC 15-5 (Table 3, mirror+random: seen 83.2, unseen 31.4,
# harmonic mean 45.6).
_base_ = './deeplabv2_r101_voc_15-5.py'
model = dict(generator=dict(views='mirror+random'))
