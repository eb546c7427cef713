# Over-clustering and entropy ranking, real VOC photographs.
_base_ = './deeplabv3_mobilenetv2_vocreal.py'
protocol = dict(reassignment=None, self_training=False)
