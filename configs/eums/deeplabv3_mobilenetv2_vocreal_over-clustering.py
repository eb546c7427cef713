# Basic framework with over-clustering, real VOC photographs.
_base_ = './deeplabv3_mobilenetv2_vocreal.py'
protocol = dict(entropy_ranking=None, reassignment=None)
