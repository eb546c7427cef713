# Entropy ranking and self-training, real VOC photographs.
_base_ = './deeplabv3_mobilenetv2_vocreal.py'
protocol = dict(reassignment=None)
