# EUMS with saliency maps of the network that saliency_demo_voc.py trains, which knows
# the objects of base classes only; generated demo data, fold 0.
_base_ = '../_base_/eums_demo.py'
protocol = dict(
    fold='pascal-5i_fold0',
    num_clusters=10,
    clustering=dict(
        saliency=dict(
            _delete_=True,
            type='NetworkSaliency',
            model=dict(type='SaliencyNet', width=8, num_blocks=(1, 1, 1, 1, 1, 1)),
            checkpoint='work_dirs/saliency_demo_voc',
            size=None,
            stretch=False,
        ),
        saliency_threshold=0.5,
    ),
)
