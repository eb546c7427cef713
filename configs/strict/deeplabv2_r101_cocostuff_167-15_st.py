# SPNet+ST, COCO-Stuff (Table 1: seen 34.6, unseen 26.9, harmonic mean 30.3).
_base_ = './deeplabv2_r101_cocostuff_167-15.py'
model = dict(generator=_base_.st_generator)
