"""Export of a segmentor to TorchScript and ONNX, compared with what it predicts."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmseg.models import BaseSegmentor
from torch import Tensor, nn

from ...utils.files import atomic_path
from ...utils.framework_compat import swaps_colors

__all__ = [
    'ExportedSegmentor',
    'export_onnx',
    'export_torchscript',
    'largest_difference',
]


class ExportedSegmentor(nn.Module):
    """Segmentor as one function of images, for images of one size.

    Normalization and the model's own way to test (windows, flips) are part of it. The
    padding of the test (``size_divisor``) is not: choose a size that needs none.

    Args:
        model: A segmentor in eval mode.
        size: Height and width of the images.

    Raises:
        ValueError: The size is no multiple of the ``size_divisor``.

    Example:
        ``ExportedSegmentor(model, (512, 512))(images).argmax(1)``
    """

    model: Any
    mean: Tensor
    std: Tensor

    def __init__(self, model: BaseSegmentor, size: tuple[int, int]) -> None:
        super().__init__()
        settings = getattr(model.data_preprocessor, 'test_cfg', None) or {}
        divisor = settings.get('size_divisor') or 1
        if any(side % divisor for side in size):
            raise ValueError(
                f'size {size[0]} x {size[1]} must be multiples of {divisor}, the '
                'size_divisor of the data_preprocessor'
            )
        self.model = model
        self.size = size
        preprocessor = model.data_preprocessor
        self.register_buffer('mean', getattr(preprocessor, 'mean', torch.zeros(3)))
        self.register_buffer('std', getattr(preprocessor, 'std', torch.ones(3)))
        self.learned_rgb = swaps_colors(preprocessor)

    def forward(self, images: Tensor) -> Tensor:
        """Compute the scores of the classes.

        Args:
            images: float ``(N, 3, H, W)``, RGB, 0 to 255, of the size of this module.

        Returns:
            float ``(N, C, H, W)``, see :meth:`classes`.
        """
        if not self.learned_rgb:
            images = images.flip(1)
        inputs = (images - self.mean.view(-1, 1, 1)) / self.std.view(-1, 1, 1)
        meta = dict(
            ori_shape=self.size, img_shape=self.size, pad_shape=self.size, flip=False
        )
        scores = self.model.inference(inputs, [meta] * len(images))
        return scores[:, : self.model.out_channels]

    def classes(self, scores: Tensor) -> Tensor:
        """Class of each pixel by its scores, int64 ``(N, H, W)``.

        That of the largest score; of a model with one output it is 1 where the sigmoid
        is above the decode head's ``threshold``, which MMSegmentation sets to 0.3
        unless a config does.
        """
        if scores.shape[1] > 1:
            return scores.argmax(1)
        return (scores[:, 0].sigmoid() > self.model.decode_head.threshold).long()


def example_images(size: tuple[int, int], number: int = 1, seed: int = 0) -> Tensor:
    """Draw smooth images, RGB, float ``(number, 3, *size)``, 0 to 255."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(number, 3, 8, 8, generator=generator) * 255
    return nn.functional.interpolate(coarse, size, mode='bilinear')


def traced(module: ExportedSegmentor) -> torch.jit.ScriptFunction:
    """Trace a segmentor; its weights become constants of the function.

    As a function, because TorchScript would look at all properties of a module, and
    a segmentor without its teacher has one that raises.
    """
    module.requires_grad_(False)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')  # of sizes, which are meant to be constant
        example = example_images(module.size)
        return torch.jit.trace(
            lambda images: module(images), example, check_trace=False
        )


def export_torchscript(module: ExportedSegmentor, path: str | Path) -> Callable:
    """Write a TorchScript file by tracing.

    Args:
        module: What to export.
        path: File to write.

    Returns:
        The function that the file holds, read back.
    """
    with atomic_path(path) as temporary:
        traced(module).save(str(temporary))  # type: ignore[call-arg]
    return torch.jit.load(str(path))


def export_onnx(module: ExportedSegmentor, path: str | Path) -> Callable:
    """Write an ONNX file.

    Args:
        module: What to export.
        path: File to write.

    Returns:
        The function that the file holds, run by ONNX Runtime.

    Raises:
        ImportError: The extra ``export`` is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            f'{error.name} is missing: run `pip install "mmseg_labelfree[export]"` or, '
            'in the checkout, `pip install -e ".[export]"`'
        ) from error
    function = traced(module)
    with atomic_path(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            function,
            (example_images(module.size),),
            str(temporary),
            input_names=['images'],
            output_names=['scores'],
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(
        str(path), providers=['CPUExecutionProvider']
    )

    def run(images: Tensor) -> Tensor:
        (scores,) = session.run(None, dict(images=images.numpy()))
        return torch.from_numpy(np.asarray(scores))

    return run


@torch.no_grad()
def largest_difference(
    module: ExportedSegmentor, exported: Callable, seed: int = 1
) -> tuple[float, float]:
    """Compare an exported function with the model, on an image that it has not seen.

    Args:
        module: The model.
        exported: What an export gave.
        seed: Of the image.

    Returns:
        Largest difference of a score, as a share of the largest score, and the share
        of the pixels that get another class.
    """
    images = example_images(module.size, seed=seed)
    expected, found = module(images), exported(images)
    difference = (expected - found).abs().max() / expected.abs().max().clamp(min=1e-6)
    changed = (module.classes(expected) != module.classes(found)).float().mean()
    return float(difference), float(changed)
