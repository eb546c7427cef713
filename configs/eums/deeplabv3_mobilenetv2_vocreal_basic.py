# Basic framework, real VOC photographs.
_base_ = './deeplabv3_mobilenetv2_vocreal.py'
protocol = dict(num_clusters=3, entropy_ranking=None, reassignment=None)
