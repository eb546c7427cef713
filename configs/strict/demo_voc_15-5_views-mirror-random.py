# STRICT with other views (Table 3, mirror+random), generated demo data.
_base_ = './demo_voc_15-5.py'
model = dict(generator=dict(views='mirror+random'))
