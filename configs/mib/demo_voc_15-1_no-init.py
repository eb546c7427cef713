# Ablation: MiB without the classifier initialisation (Table 2, row + KD).
_base_ = './demo_voc_15-1.py'
protocol = dict(classifier_init='random')
