# 'Img Lvl + PCE': classes of the images, and points, VOC 2012 (Table 5).
_base_ = '../_base_/mib_voc_points.py'
model = _base_.img_lvl_pce
optim_wrapper = dict(optimizer=dict(lr=1e-5))  # section 6.3.1
