# DAFormer's training, real VOC photographs, night to day.
_base_ = '../_base_/daformer_vocreal.py'
model = _base_.daformer
