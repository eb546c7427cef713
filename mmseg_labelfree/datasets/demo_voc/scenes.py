"""Small synthetic scenes with pixel labels, drawn with numpy and OpenCV.

Textured objects lie on muted ground. The module knows nothing about files or about
mmseg; :mod:`.demo_voc` writes what it draws.
"""

from typing import NamedTuple

import cv2
import numpy as np

from .classes import CLASSES, SHAPES, TEXTURES, SceneClass
from .styles import STYLES, Style

IGNORE_INDEX = 255
# (width, height) in pixels; like VOC most scenes are landscape and no side is fixed.
SIZES = ((128, 96), (128, 96), (120, 96), (96, 128), (112, 112), (136, 104))
HUES = dict(red=0, orange=42, green=105, teal=165, blue=215, violet=268, pink=320)
HUE_JITTER = 10.0  # degrees either way; HUES are degrees too
MIN_VISIBLE = 0.6  # of an object, after later objects have covered it


def _hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """RGB color in [0, 1] from a hue in degrees, saturation and value in [0, 1]."""
    pixel = np.array([[[hue % 360, saturation, value]]], np.float32)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]


def _smooth_noise(
    size: tuple[int, int], cells: int, rng: np.random.Generator
) -> np.ndarray:
    """Noise ``(H, W)`` of unit strength whose features are a ``cells``-th as wide."""
    coarse = rng.standard_normal((cells, cells)).astype(np.float32)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)


def texture_pattern(
    texture: str, u: np.ndarray, v: np.ndarray, period: float, edge: float = 1.5
) -> np.ndarray:
    """Compute the value, 0 to 1, of a texture at coordinates ``u``, ``v`` in pixels.

    Args:
        texture: One of :data:`TEXTURES`.
        u: First coordinate, any shape.
        v: Second coordinate, same shape.
        period: Length of one repetition in pixels.
        edge: Steepness between the two colors.

    Returns:
        1 where the main color shows, 0 where the second one does.
    """
    a, b = np.sin(2 * np.pi * u / period), np.sin(2 * np.pi * v / period)
    if texture == 'stripes':
        wave = a
    elif texture == 'checks':
        wave = 1.6 * a * b
    elif texture == 'dots':
        wave = 0.75 - (a + b)
    else:
        wave = np.full_like(u, 2.0)
    return np.clip(0.5 + edge * wave, 0, 1)


def _unit_outline(shape: str) -> np.ndarray:
    """Corners ``(K, 2)`` of a shape around the origin, scaled to the area pi."""
    if shape == 'cross':
        a, b = 1.0, 0.36
        points = np.array(
            [(b, a), (b, b), (a, b), (a, -b), (b, -b), (b, -a)]
            + [(-b, -a), (-b, -b), (-a, -b), (-a, b), (-b, b), (-b, a)]
        )
    else:
        corners = dict(disc=40, square=4, triangle=3, star=10)[shape]
        radius = np.ones(corners)
        if shape == 'star':
            radius[1::2] = 0.45
        angle = np.arange(corners) * 2 * np.pi / corners
        points = np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]
    x, y = points.T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    return points * np.sqrt(np.pi / area)


OUTLINES = {shape: _unit_outline(shape) for shape in SHAPES}


def _turned_grid(
    shape: tuple[int, int], center: np.ndarray, turn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates, each float32 ``(H, W)``, in a moved and turned frame."""
    x = np.arange(shape[1], dtype=np.float32) - np.float32(center[0])
    y = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(center[1])
    t = turn.astype(np.float32)
    return t[0, 0] * x + t[0, 1] * y, t[1, 0] * x + t[1, 1] * y


def _background(
    size: tuple[int, int], style: Style, rng: np.random.Generator
) -> np.ndarray:
    """Muted background ``(H, W, 3)``: two grounds, faint clutter, faint texture."""
    width, height = size

    def muted() -> np.ndarray:
        return _hsv(rng.uniform(0, 360), rng.uniform(0, 0.25), rng.uniform(0.25, 0.8))

    image = np.empty((height, width, 3), np.float32)
    image[:] = muted()
    slope = rng.uniform(-0.2, 0.2) * (np.arange(width) - width / 2)
    horizon = rng.uniform(0.2, 0.8) * height + slope
    image[np.arange(height)[:, None] > horizon] = muted()
    for _ in range(rng.integers(0, 5)):
        outline = OUTLINES[SHAPES[rng.integers(len(SHAPES))]]
        outline = outline * rng.uniform(6, 22, 2) + rng.uniform((0, 0), size)
        patch = np.zeros((height, width), np.float32)
        cv2.fillPoly(patch, [outline.round().astype(np.int32)], rng.uniform(0.3, 0.9))
        image += patch[..., None] * (muted() - image)
    angle, period = rng.uniform(0, np.pi), rng.uniform(6, 16)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    u, v = _turned_grid((height, width), np.zeros(2), turn)
    faint = texture_pattern(TEXTURES[rng.integers(len(TEXTURES))], u, v, period)
    shade = float(rng.uniform(0, style.ground)) * faint
    for cells, strength in ((5, 0.06), (24, 0.04)):
        shade = shade + strength * _smooth_noise(size, cells, rng)
    return image + shade[..., None]


class PlacedObject(NamedTuple):
    """Place of an object: coverage ``(H, W)`` in [0, 1], center, radius and turn."""

    cover: np.ndarray
    center: np.ndarray
    radius: float
    turn: np.ndarray


def place_object(
    cls: SceneClass, size: tuple[int, int], rng: np.random.Generator
) -> PlacedObject:
    """Choose size, position, stretch and rotation of an object."""
    radius = min(size) * cls.size * np.exp(rng.normal(0, 0.22))
    radius = float(np.clip(radius, 0.15 * min(size), 0.42 * min(size)))
    center = rng.uniform((0.6 * radius,) * 2, np.array(size) - 0.6 * radius)
    stretch = np.exp(rng.normal(0, 0.12))
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    outline = OUTLINES[cls.shape] * radius * (stretch, 1 / stretch) @ turn + center
    cover = np.zeros(size[::-1], np.uint8)
    points = np.round(outline * 16).astype(np.int32)
    cv2.fillPoly(cover, [points], 255, lineType=cv2.LINE_AA, shift=4)
    return PlacedObject(cover.astype(np.float32) / 255, center, radius, turn)


def _paint(
    cls: SceneClass, at: PlacedObject, style: Style, rng: np.random.Generator
) -> np.ndarray:
    """Colors ``(H, W, 3)`` of an object: its texture in two shades of its hue.

    The second shade is light in stripes, dark in dots and either in checks.
    """
    hue = HUES[cls.color] + rng.uniform(-HUE_JITTER, HUE_JITTER)
    saturation, value = rng.uniform(*style.saturation), rng.uniform(*style.value)
    main = _hsv(hue, saturation, value)
    dark = dict(stripes=0.0, dots=1.0).get(cls.texture, 0.5)
    if rng.random() < dark:
        second = _hsv(hue, saturation, value * rng.uniform(0.25, 0.5))
    else:
        second = _hsv(hue, saturation * rng.uniform(0.1, 0.35), min(1, value + 0.2))
    u, v = _turned_grid(at.cover.shape, at.center, at.turn)
    pattern = texture_pattern(cls.texture, u, v, rng.uniform(*style.period), style.edge)
    light = 1 + float(rng.uniform(-0.25, 0.25)) / at.radius * u
    return ((pattern * light)[..., None] * (main - second)) + light[..., None] * second


def render_scene(
    class_ids: list[int], rng: np.random.Generator, style: Style = STYLES['plain']
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one scene.

    Args:
        class_ids: Indices into :data:`CLASSES` in drawing order. The first object is
            always drawn. A later one is left out when in a few tries no place is
            found where every earlier object stays visible.
        rng: Source of randomness.
        style: Its look. Changes neither the label map nor the order of the draws.

    Returns:
        The RGB image uint8 ``(H, W, 3)`` and the label map uint8 ``(H, W)``:
        0 for background, ``class_id + 1`` inside objects, 255 on the thin border
        (about two pixels) along every outline.
    """
    size = SIZES[rng.integers(len(SIZES))]
    image = _background(size, style, rng)
    owner = np.full(size[::-1], -1)  # which object each pixel shows
    areas: list[int] = []
    ids: list[int] = []
    for class_id in class_ids:
        for _ in range(8):
            at = place_object(CLASSES[class_id], size, rng)
            inside = at.cover >= 0.5
            left = np.bincount(owner[~inside] + 1, minlength=len(ids) + 1)[1:]
            if np.all(left >= MIN_VISIBLE * np.array(areas)):
                owner[inside] = len(ids)
                areas.append(int(inside.sum()))
                ids.append(class_id)
                colors = _paint(CLASSES[class_id], at, style, rng)
                image += at.cover[..., None] * (colors - image)
                break
    tilt = rng.uniform(-0.12, 0.12, 2).astype(np.float32)
    lamp = tilt[0] * np.linspace(-1, 1, size[0], dtype=np.float32)
    lamp = lamp + tilt[1] * np.linspace(-1, 1, size[1], dtype=np.float32)[:, None]
    image *= lamp[..., None] + np.float32(rng.uniform(*style.light))
    image += np.float32(0.025) * rng.standard_normal(image.shape, np.float32)
    image = style.photograph(np.clip(image, 0, 1), rng)
    image = np.round(255 * image).astype(np.uint8)

    label = np.array([0, *(i + 1 for i in ids)], np.uint8)[owner + 1]
    parts = (owner + 1).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    label[cv2.dilate(parts, kernel) != cv2.erode(parts, kernel)] = IGNORE_INDEX
    return image, label
