# LwF with MiB's cross-entropy ('+ CE'), VOC 15-1, overlapped (Table 2).
_base_ = '../_base_/mib_voc.py'
model = _base_.lwf_ce
protocol = dict(task='voc_15-1', classifier_init='random')
