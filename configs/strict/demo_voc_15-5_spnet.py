# SPNet, generated demo data, 15-5.
_base_ = './demo_voc_15-5.py'
protocol = dict(rounds=0)
