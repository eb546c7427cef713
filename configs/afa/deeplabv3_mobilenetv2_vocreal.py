# Refined activation maps teach a segmentation head, real VOC photographs.
_base_ = '../_base_/afa_vocreal.py'
model = _base_.afa
