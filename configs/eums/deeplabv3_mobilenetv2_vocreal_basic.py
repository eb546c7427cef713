# Basic framework (eq. 5), real VOC photographs.
_base_ = '../_base_/eums_vocreal.py'
protocol = dict(_base_.basic, fold=_base_.fold, num_clusters=3)
