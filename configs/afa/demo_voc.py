# Refined activation maps teach a segmentation head, generated demo data.
_base_ = '../_base_/afa_demo.py'
model = _base_.afa
