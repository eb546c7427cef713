# SPNet+ST: self-training without consistency, generated demo data, 15-5.
_base_ = './demo_voc_15-5.py'
model = dict(generator=_base_.st_generator)
