# SPNet+ST: self-training without consistency, VOC 15-5 (Table 1: seen 77.8, unseen
# 25.8, harmonic mean 38.8).
_base_ = './deeplabv2_r101_voc_15-5.py'
model = dict(generator=_base_.st_generator)
