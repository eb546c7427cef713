# 'PCE + bkg': unlabeled pixels are background, points, generated demo data.
_base_ = '../_base_/mib_demo_weak.py'
model = _base_.pce_bkg
