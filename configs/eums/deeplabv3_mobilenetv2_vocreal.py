# EUMS on real VOC photographs: cat, cow and sheep are novel.
_base_ = '../_base_/eums_vocreal.py'
protocol = dict(fold=_base_.fold, num_clusters=6)  # twice the 3 novel classes
