"""The object classes of the demo data and which of them meet in a scene.

A class is a shape with a texture and a color family. Every shape, texture and color
family belongs to several classes, so no single attribute names the class.
"""

from typing import NamedTuple

import numpy as np

SHAPES = ('disc', 'square', 'triangle', 'star', 'cross')
TEXTURES = ('plain', 'stripes', 'dots', 'checks')
COLORS = ('red', 'orange', 'green', 'teal', 'blue', 'violet', 'pink')


class SceneClass(NamedTuple):
    """Shape, texture, color, size, frequency and company of one object class.

    ``frequency`` is its relative rate of occurrence, ``size`` the mean radius of an
    object as a fraction of the short image side, ``group`` the company it keeps.
    """

    name: str
    shape: str
    texture: str
    color: str
    frequency: float
    size: float
    group: str


# No class among the last five shares two attributes with one of the first fifteen,
# so that a class held out of training is a new combination of known attributes.
CLASSES = tuple(
    SceneClass(*row)
    for row in (
        ('aeroplane', 'cross', 'plain', 'green', 1.4, 0.30, 'road'),
        ('bicycle', 'disc', 'dots', 'blue', 1.1, 0.28, 'road'),
        ('bird', 'disc', 'plain', 'teal', 1.8, 0.22, 'farm'),
        ('boat', 'star', 'stripes', 'teal', 1.0, 0.28, 'road'),
        ('bottle', 'square', 'stripes', 'pink', 1.4, 0.22, 'home'),
        ('bus', 'triangle', 'checks', 'red', 1.2, 0.34, 'road'),
        ('car', 'square', 'checks', 'blue', 2.4, 0.28, 'road'),
        ('cat', 'triangle', 'checks', 'violet', 2.2, 0.25, 'farm'),
        ('chair', 'cross', 'plain', 'violet', 2.2, 0.25, 'home'),
        ('cow', 'star', 'dots', 'orange', 1.0, 0.31, 'farm'),
        ('diningtable', 'cross', 'stripes', 'orange', 1.2, 0.33, 'home'),
        ('dog', 'triangle', 'plain', 'red', 2.4, 0.24, 'farm'),
        ('horse', 'square', 'checks', 'green', 1.1, 0.31, 'farm'),
        ('motorbike', 'disc', 'stripes', 'violet', 1.1, 0.29, 'road'),
        ('person', 'star', 'dots', 'pink', 3.4, 0.25, 'any'),
        ('pottedplant', 'triangle', 'stripes', 'green', 1.4, 0.26, 'home'),
        ('sheep', 'disc', 'checks', 'orange', 1.3, 0.28, 'farm'),
        ('sofa', 'star', 'plain', 'blue', 1.3, 0.29, 'home'),
        ('train', 'square', 'dots', 'red', 1.3, 0.31, 'road'),
        ('tvmonitor', 'cross', 'dots', 'teal', 1.5, 0.27, 'home'),
    )
)

# Share of scenes with one, two, three and four objects.
OBJECTS_PER_SCENE = (0.25, 0.36, 0.26, 0.13)
# How much likelier a class joins a scene that already holds one of its group.
COMPANY = 4.0


def class_attributes() -> tuple[tuple[str, ...], np.ndarray]:
    """Attribute vectors of the 20 object classes, to serve as word embeddings.

    Returns:
        The class names in VOC order (background is not among them) and a
        float32 array ``(20, 16)`` of concatenated one-hot codes, the 5 shapes, then
        the 4 textures, then the 7 color families. Each row holds three ones.

    Example:
        >>> names, vectors = class_attributes()
        >>> int(vectors[names.index('train')].sum())
        3
    """
    values = SHAPES + TEXTURES + COLORS
    vectors = np.zeros((len(CLASSES), len(values)), np.float32)
    for row, cls in enumerate(CLASSES):
        vectors[row, [values.index(v) for v in (cls.shape, cls.texture, cls.color)]] = 1
    return tuple(cls.name for cls in CLASSES), vectors


def plan_scenes(num_scenes: int, rng: np.random.Generator) -> list[list[int]]:
    """Choose the classes of the objects of every scene.

    The first object of each scene comes from a shuffled deck that holds class ``i``
    ``num_scenes * f_i / sum(f)`` times, rounded down or up, where ``f`` are the class
    frequencies; so every class has a share that does not depend on luck. Further
    objects follow the same frequencies, raised by :data:`COMPANY` for classes of the
    first object's group.

    Args:
        num_scenes: Number of scenes.
        rng: Source of randomness.

    Returns:
        For each scene 1 to 4 indices into :data:`CLASSES`; the
        first is the object that is certain to be drawn.
    """
    frequency = np.array([cls.frequency for cls in CLASSES])
    ends = np.round(np.cumsum(frequency) / frequency.sum() * num_scenes).astype(int)
    deck = np.repeat(np.arange(len(CLASSES)), np.diff(ends, prepend=0))
    counts = rng.choice(4, size=num_scenes, p=OBJECTS_PER_SCENE)
    groups = np.array([cls.group for cls in CLASSES])
    plan = []
    for first, extra in zip(rng.permutation(deck), counts, strict=True):
        joins = (groups == groups[first]) | (groups[first] == 'any')
        weight = frequency * np.where(joins, COMPANY, 1.0)
        others = rng.choice(len(CLASSES), size=extra, p=weight / weight.sum())
        plan.append([int(first), *map(int, others)])
    return plan
