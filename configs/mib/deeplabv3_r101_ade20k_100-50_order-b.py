# MiB, ADE20K 100-50, a second class order. The authors' own is lost with its seed
# (issue 15), so this is another random one: `class_order` is a seed or a list of names.
_base_ = './deeplabv3_r101_ade20k_100-50.py'
protocol = dict(class_order=1)
