"""The supercategories of COCO-Stuff and the labels that belong to them.

Label hierarchy of Caesar, Uijlings and Ferrari, "COCO-Stuff: Thing and Stuff Classes
in Context" (CVPR 2018). The masks hold the category id minus 1. Things lie in ranges
of ids, some of which no mask uses; stuff is in alphabetical order from 91 on.
"""

__all__ = [
    'COARSE_CLASSES',
    'PALETTE',
    'RENUMBERED',
    'UNUSED_LABELS',
    'coarse_table',
]

_THINGS = {  # first and last label
    'electronic': (71, 76),
    'appliance': (77, 82),
    'food-things': (51, 60),
    'furniture-things': (61, 70),
    'indoor': (83, 90),
    'kitchen': (43, 50),
    'accessory': (25, 32),
    'animal': (15, 24),
    'outdoor': (9, 14),
    'person': (0, 0),
    'sports': (33, 42),
    'vehicle': (1, 8),
}
_STUFF = {
    'ceiling': 'ceiling-other ceiling-tile',
    'floor': 'carpet floor-marble floor-other floor-stone floor-tile floor-wood',
    'food-stuff': 'food-other fruit salad vegetable',
    'furniture-stuff': (
        'cabinet counter cupboard desk-stuff door-stuff furniture-other light '
        'mirror-stuff shelf stairs table'
    ),
    'raw-material': 'cardboard metal paper plastic',
    'textile': (
        'banner blanket cloth clothes curtain mat napkin pillow rug textile-other towel'
    ),
    'wall': (
        'wall-brick wall-concrete wall-other wall-panel wall-stone wall-tile wall-wood'
    ),
    'window': 'window-blind window-other',
    'building': 'bridge building-other house roof skyscraper tent',
    'ground': (
        'dirt gravel ground-other mud pavement platform playingfield railroad road '
        'sand snow'
    ),
    'plant': 'branch bush flower grass leaves moss plant-other straw tree',
    'sky': 'clouds sky-other',
    'solid': 'hill mountain rock solid-other stone wood',
    'structural': 'cage fence net railing structural-other',
    'water': 'fog river sea water-other waterdrops',
}
_FIRST_STUFF, _NUM_LABELS = 91, 182
# Labels of categories that were taken out before any mask was drawn (street sign, hat,
# ...), so that a converter leaves 171 of the 182.
UNUSED_LABELS = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
RENUMBERED = _NUM_LABELS - len(UNUSED_LABELS)

COARSE_CLASSES = (*_THINGS, *_STUFF)
# Spread hues, things bright and stuff dark.
PALETTE = [
    [230, 25, 75],
    [60, 180, 75],
    [255, 225, 25],
    [0, 130, 200],
    [245, 130, 48],
    [145, 30, 180],
    [70, 240, 240],
    [240, 50, 230],
    [210, 245, 60],
    [250, 190, 212],
    [0, 128, 128],
    [220, 190, 255],
    [170, 110, 40],
    [255, 250, 200],
    [128, 0, 0],
    [170, 255, 195],
    [128, 128, 0],
    [255, 215, 180],
    [0, 0, 128],
    [128, 128, 128],
    [90, 90, 40],
    [100, 60, 20],
    [20, 90, 30],
    [135, 206, 235],
    [80, 80, 90],
    [160, 82, 45],
    [30, 60, 150],
]


def coarse_table() -> list[int]:
    """Make the table of the supercategory of each label, for ``MapLabels``.

    Returns:
        256 integers: 0 to 26 for the labels 0 to 181, 255 for 255, -1 for the others.
    """
    table = [-1] * 255 + [255]
    for index, (first, last) in enumerate(_THINGS.values()):
        table[first : last + 1] = [index] * (last + 1 - first)
    owner = {
        name: len(_THINGS) + index
        for index, names in enumerate(_STUFF.values())
        for name in names.split()
    }
    table[_FIRST_STUFF:_NUM_LABELS] = [owner[name] for name in sorted(owner)]
    return table
