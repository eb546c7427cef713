# All kinds of labels, generated demo data: a thin ResNet-18 with DeepLabV3's head.
_base_ = '../_base_/label_cost.py'
configs = '{{ fileDirname }}/..'
data = '{{$LABELFREE_DATA:data}}'
classes = [
    *('aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair'),
    *('cow', 'diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant'),
    *('sheep', 'sofa', 'train', 'tvmonitor'),
]
some_classes = _base_.mask_seconds * 15 / 20
datasets = 'train_dataloader.dataset.datasets'
plain = dict(data_root=f'{data}/demo_voc', style='plain', seed=0)
dusk = dict(data_root=f'{data}/demo_voc_dusk', style='dusk', seed=1)


def share(name):
    """Masks of a part of the images."""
    folder = f'ImageSets/Segmentation/train_{name}_balanced_seed0'
    part = dict(folder=folder, number=None, ratio=name.replace('-', '/'))
    return {
        f'{datasets}.0': dict(
            partition=part, dataset=dict(ann_file=f'{folder}/labeled.txt')
        ),
        f'{datasets}.1': dict(
            partition=part, dataset=dict(ann_file=f'{folder}/unlabeled.txt')
        ),
    }


protocol = dict(
    iterations=800,
    rows=dict(
        full=dict(_base_.full, config=f'{configs}/mib/demo_voc_full.py'),
        scribbles=dict(_base_.scribbles, config=f'{configs}/mib/demo_voc_scribbles.py'),
        points=dict(_base_.points, config=f'{configs}/mib/demo_voc_points.py'),
        image_labels=dict(_base_.image_labels, config=f'{configs}/afa/demo_voc.py'),
        eighth=dict(
            _base_.eighth,
            config=f'{configs}/u2pl/demo_voc_40.py',
            settings=share('1-8'),
        ),
        sixteenth=dict(
            _base_.sixteenth,
            config=f'{configs}/u2pl/demo_voc_40.py',
            settings=share('1-16'),
        ),
        domain=dict(
            _base_.domain,
            config=f'{configs}/daformer/demo_voc_plain2dusk.py',
            settings={  # the other way round: all rows are scored on the plain images
                f'{datasets}.0.dataset': dusk,
                f'{datasets}.1.dataset': plain,
                'val_dataloader.dataset': plain,
                'test_dataloader.dataset': plain,
            },
        ),
        zero_label=dict(
            _base_.zero_label,
            config=f'{configs}/strict/demo_voc_15-5.py',
            seconds=some_classes,
            settings=dict(  # a second round undoes the background, see its README
                protocol=dict(background='seen', rounds=1)
            ),
        ),
        novel=dict(
            _base_.novel,
            config=f'{configs}/eums/demo_voc_fold0.py',
            seconds=some_classes,
            settings={
                'protocol.fold': dict(  # those of 15-5, as in other rows
                    _delete_=True, base=classes[:15], novel=classes[15:]
                )
            },
        ),
        steps=dict(_base_.steps, config=f'{configs}/mib/demo_voc_15-5.py'),
        none=dict(
            _base_.none,
            config=f'{configs}/iddc/demo_voc.py',
            settings=dict(  # half a batch, for half the time
                protocol=dict(settings=dict(train_dataloader=dict(batch_size=32)))
            ),
        ),
    ),
)
