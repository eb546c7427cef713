# 'Img Lvl', the classes of the images alone, generated demo data.
_base_ = '../_base_/mib_demo_weak.py'
model = _base_.img_lvl
