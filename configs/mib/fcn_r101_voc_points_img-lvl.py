# 'Img Lvl', the classes of the images alone, VOC 2012 (Table 5).
_base_ = '../_base_/mib_voc_points.py'
model = _base_.img_lvl
optim_wrapper = dict(optimizer=dict(lr=1e-5))  # section 6.3.1
