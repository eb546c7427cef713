# SPNet, VOC subset.
_base_ = './deeplabv3_mobilenetv2_vocreal_10-2.py'
protocol = dict(rounds=0)
