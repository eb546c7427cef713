# CutMix, CamVid, 1/8 of the labels.
_base_ = './deeplabv3_mobilenetv2_camvid_1-8_meanteacher.py'
model = dict(**_base_.cutmix)
