# CutMix, real VOC photographs, 1/8 of the labels.
_base_ = './deeplabv3_mobilenetv2_vocreal_1-8_meanteacher.py'
model = dict(**_base_.cutmix)
