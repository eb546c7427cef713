# All kinds of labels, VOC photographs of 12 classes: MobileNetV2 with DeepLabV3's head.
_base_ = '../_base_/label_cost.py'
configs = '{{ fileDirname }}/..'
network = 'deeplabv3_mobilenetv2_vocreal'
seen = [
    *('bottle', 'car', 'chair', 'cow', 'dog', 'horse', 'person', 'pottedplant'),
    *('sofa', 'tvmonitor'),
]
unseen = ['cat', 'sheep']
classes = ['background', *sorted([*seen, *unseen])]
some_classes = _base_.mask_seconds * 10 / 12


def all_classes(*simulation):
    """What the configs of five animals with human points change for 12 classes."""
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        *simulation,
        dict(
            type='RandomAreaCrop',
            size=(192, 192),
            scale=(0.5, 2.0),
            ratio=(3 / 4, 4 / 3),
        ),
        dict(type='RandomFlip', prob=0.5),
        dict(
            type='PackSegInputs',
            meta_keys=('img_path', 'ori_shape', 'img_shape', 'image_classes'),
        ),
    ]
    data = dict(metainfo=dict(classes=classes))
    return dict(
        model=dict(decode_head=dict(num_classes=13)),
        train_dataloader=dict(dataset=dict(data, pipeline=pipeline)),
        val_dataloader=dict(dataset=data),
        test_dataloader=dict(dataset=data),
    )


protocol = dict(
    iterations=1200,
    rows=dict(
        full=dict(
            _base_.full,
            config=f'{configs}/mib/{network}_full.py',
            settings=all_classes(),
        ),
        scribbles=dict(  # drawn from the masks
            _base_.scribbles,
            config=f'{configs}/mib/{network}_points.py',
            settings=all_classes(dict(type='SimulateScribbles')),
        ),
        points=dict(  # drawn from the masks: people gave them for five classes only
            _base_.points,
            config=f'{configs}/mib/{network}_points.py',
            settings=all_classes(dict(type='SimulatePoints', radius=2)),
        ),
        image_labels=dict(_base_.image_labels, config=f'{configs}/afa/{network}.py'),
        eighth=dict(_base_.eighth, config=f'{configs}/u2pl/{network}_1-8.py'),
        sixteenth=dict(_base_.sixteenth, config=f'{configs}/u2pl/{network}_1-16.py'),
        domain=dict(_base_.domain, config=f'{configs}/daformer/{network}_night2day.py'),
        zero_label=dict(
            _base_.zero_label,
            config=f'{configs}/strict/{network}_10-2.py',
            seconds=some_classes,
            settings=dict(  # a second round undoes the background, see its README
                protocol=dict(background='seen', rounds=1)
            ),
        ),
        novel=dict(
            _base_.novel,
            config=f'{configs}/eums/{network}.py',
            seconds=some_classes,
            settings=dict(  # the classes of other rows, twice as many clusters
                protocol=dict(fold=dict(base=seen, novel=unseen), num_clusters=4)
            ),
        ),
        steps=dict(
            _base_.steps,
            config=f'{configs}/mib/{network}_3-1.py',
            settings=dict(protocol=dict(task=[seen, *([name] for name in unseen)])),
        ),
        none=dict(_base_.none, config=f'{configs}/iddc/mobilenetv2_vocreal.py'),
    ),
)
