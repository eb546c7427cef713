# SPNet+ST: self-training without consistency, VOC subset.
_base_ = './deeplabv3_mobilenetv2_vocreal_10-2.py'
model = dict(generator=_base_.st_generator)
