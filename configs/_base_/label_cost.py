# Kinds of labels side by side: what an image costs, and rows that configs choose from.
_base_ = ['./default_runtime.py']
# On VOC: Bearman et al., "What's the Point", ECCV 2016.
mask_seconds, scribble_seconds, point_seconds, name_seconds = 239.7, 34.9, 22.1, 20.0
full = dict(label='full masks', seconds=mask_seconds, score='mIoU')
scribbles = dict(label='scribbles', seconds=scribble_seconds, score='mIoU')
points = dict(label='points', seconds=point_seconds, score='mIoU')
image_labels = dict(
    label='image labels',
    seconds=name_seconds,
    score='mIoU',
    others={'activation maps': 'cam/mIoU'},
)
eighth = dict(
    label='1/8 of the masks',
    seconds=mask_seconds / 8,
    score='teacher/mIoU',
    others=dict(student='student/mIoU'),
)
sixteenth = dict(eighth, label='1/16 of the masks', seconds=mask_seconds / 16)
domain = dict(label="another domain's masks", seconds=0.0, score='mIoU')
# Of some classes; a config adds the seconds of its share.
zero_label = dict(
    label='some classes (zero-label)',
    score='mIoU/all',
    others=dict(seen='mIoU/seen', unseen='mIoU/unseen'),
)
novel = dict(
    label='some classes (novel)',
    score='mIoU',
    others=dict(base='mIoU/base', novel='mIoU/novel'),
    counts='clusters of other classes, matched with the validation masks',
)
steps = dict(
    label='classes in steps',
    seconds=mask_seconds,
    score='mIoU/all_and_background',
    others=dict(old='mIoU/old', new='mIoU/new'),
)
none = dict(
    label='none: clusters',
    seconds=0.0,
    score='mIoU',
    counts='clusters, matched with the validation masks',
)
protocol = dict(
    type='LabelCostProtocol',
    notes=[
        'Seconds are those that Bearman et al. measured on VOC ("What\'s the Point", '
        'ECCV 2016). Some of the images or of the classes cost their share of the '
        'masks. Masks of another domain cost nothing here: they were there before. '
        'Names of classes and images without labels cost nothing either.',
    ],
)
