# STRICT with other views, VOC 15-5 (Table 3, random: seen 81.6, unseen 29.4,
# harmonic mean 43.2).
_base_ = './deeplabv2_r101_voc_15-5.py'
model = dict(generator=dict(views='random'))
