# Entropy ranking and dynamic reassignment, real VOC photographs.
_base_ = './deeplabv3_mobilenetv2_vocreal.py'
protocol = dict(self_training=False)
