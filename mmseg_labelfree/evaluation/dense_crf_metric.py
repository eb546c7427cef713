"""Metric of predictions after a dense CRF, which runs beside the network."""

import inspect
import multiprocessing
import os
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS
from torch import Tensor

from ..ops.dense_crf import dense_crf, load_pydensecrf
from ..utils.choices import check_range
from ..utils.photos import to_bytes

_DEVIATIONS = ('gaussian_std', 'bilateral_xy', 'bilateral_rgb')


@METRICS.register_module()
class DenseCRFMetric(BaseMetric):
    """Metric that scores predictions by another metric after a dense CRF.

    The softmax of ``seg_logits`` and the image go through
    :func:`~mmseg_labelfree.ops.dense_crf.dense_crf` in worker processes while the
    network goes on with the next images; the most probable class of each pixel is then
    the ``pred_sem_seg`` that the inner metric sees, in the order of the data. The
    result does not depend on the number of workers. The image is the network's
    input where that has the size of the prediction (so that crops fit), otherwise
    the file ``img_path``, resized to the prediction.

    At most ``2 * num_workers`` images wait at any time. The workers start from a fresh
    process rather than as copies of this one, which may use CUDA and threads; therefore
    a script that runs a test needs ``if __name__ == '__main__':``.

    Args:
        metric: The metric that scores the refined predictions,
            with all its settings: groups, ``output_dir`` for the refined masks, ...
        num_workers: Worker processes. Defaults to the processor cores,
            divided by the processes of a distributed test.
        loading: The ``LoadImageFromFile`` of the test pipeline, with which files are
            read; by default one without settings.
        value_range: Largest value of a pixel in the files: 255 for 8 bits, 4095 for 12,
            65535 for 16, 1 for floats.
        **crf: Settings of :func:`~mmseg_labelfree.ops.dense_crf.dense_crf`.

    Raises:
        ImportError: pydensecrf2 is not installed.
        TypeError: ``crf`` has a setting that ``dense_crf`` lacks.
        ValueError: ``num_workers`` is below 1; the segmentor has a single logit per
            pixel; an image has neither one nor three channels, exceeds
            ``value_range``, or has another shape than the pipeline made of it.
        RuntimeError: A worker failed; names the image.

    Example:
        ``test_evaluator=dict(type='DenseCRFMetric', bilateral_xy=80,
        metric=dict(type='IoUMetric', iou_metrics=['mIoU']))``
    """

    def __init__(
        self,
        metric: dict | BaseMetric,
        num_workers: int | None = None,
        loading: dict | None = None,
        value_range: float = 255.0,
        **crf: float,
    ) -> None:
        load_pydensecrf()
        inspect.signature(dense_crf).bind(None, None, **crf)
        for name, value in crf.items():
            at_least = 1 if name == 'iterations' else 0
            setting: dict[str, Any] = {name: value}
            check_range(at_least, above=name in _DEVIATIONS, **setting)
        check_range(0, above=True, value_range=value_range)
        if num_workers is not None and num_workers < 1:
            raise ValueError(f'num_workers must be 1 or more, not {num_workers}')
        if isinstance(metric, Mapping):
            metric = METRICS.build(metric)
        super().__init__(prefix=metric.prefix)
        self.metric = metric
        self.num_workers = num_workers or _cores_per_process()
        self.crf = crf
        self.loading = {k: v for k, v in (loading or {}).items() if k != 'type'}
        self.value_range = value_range
        self._pool: ProcessPoolExecutor | None = None
        self._pending: deque = deque()

    @property
    def dataset_meta(self) -> dict | None:
        """Return classes and palette of the dataset, those of the inner metric."""
        return self.metric.dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        self.metric.dataset_meta = dataset_meta

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Hand the samples to the workers; if too many wait, score the oldest first.

        Args:
            data_batch: The batch before the preprocessor; may be empty.
            data_samples: Predictions with ``seg_logits`` (C, H, W), ``img_path`` and
                what the inner metric needs.
        """
        for index, sample in enumerate(data_samples):
            logits = sample['seg_logits']['data']
            if len(logits) == 1:
                raise ValueError(
                    'DenseCRFMetric needs one logit per class, but the segmentor has '
                    'one per pixel (out_channels=1)'
                )
            if len(self._pending) >= 2 * self.num_workers:
                self._score_oldest()
            probabilities = logits.detach().float().softmax(dim=0).cpu().numpy()
            image = _input_image(data_batch, index, tuple(logits.shape[1:]))
            if image is None:
                image = sample['img_path']
            job = self._workers().submit(
                _refine, image, probabilities, self.crf, self.loading, self.value_range
            )
            kept = {k: v for k, v in sample.items() if k != 'seg_logits'}
            self._pending.append((job, kept))

    def evaluate(self, size: int) -> dict:
        """Wait for the workers, then evaluate the inner metric.

        Args:
            size: Number of images of the whole dataset.
        """
        while self._pending:
            self._score_oldest()
        self._stop()
        return self.metric.evaluate(size)

    def compute_metrics(self, results: list) -> dict:
        """Compute the metrics of the inner metric."""
        return self.metric.compute_metrics(results)

    def _score_oldest(self) -> None:
        job, sample = self._pending.popleft()
        try:
            labels = job.result()
        except Exception as error:
            self._stop()
            raise RuntimeError(
                f'the dense CRF of {sample.get("img_path")} failed '
                f'({type(error).__name__}: {error})'
            ) from error
        sample['pred_sem_seg'] = dict(data=torch.from_numpy(labels)[None])
        self.metric.process({}, [sample])

    def _workers(self) -> ProcessPoolExecutor:
        if self._pool is None:
            methods = multiprocessing.get_all_start_methods()
            method = 'forkserver' if 'forkserver' in methods else 'spawn'
            context = multiprocessing.get_context(method)
            if method == 'forkserver':  # import the package once, not in every worker
                context.set_forkserver_preload(['__main__', __name__])
            self._pool = ProcessPoolExecutor(self.num_workers, mp_context=context)
        return self._pool

    def _stop(self) -> None:
        self._pending.clear()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _refine(
    image: np.ndarray | str,
    probabilities: np.ndarray,
    crf: dict,
    loading: dict,
    value_range: float,
) -> np.ndarray:
    """Labels int64 (H, W) after the CRF; runs in a worker."""
    if isinstance(image, str):
        photo = LoadImageFromFile(**loading)(dict(img_path=image))['img']
        image = _at_size(to_bytes(photo, value_range), *probabilities.shape[1:])
    return dense_crf(image, probabilities, **crf).argmax(axis=0)


def _at_size(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image uint8 (h, w, 3) BGR at another size, RGB."""
    image = np.ascontiguousarray(image[..., ::-1])
    size = image.shape[:2]
    if size != (height, width):
        if size == (width, height):
            raise ValueError(
                'the photo lies on its side beside its prediction: set loading= of '
                "DenseCRFMetric to the test pipeline's LoadImageFromFile"
            )
        image = cv2.resize(image, (width, height))
    return image


def _input_image(data_batch: Any, index: int, size: tuple) -> np.ndarray | None:
    """The network's input of that size, uint8 (H, W, 3) RGB, if there is one.

    With test-time augmentation the unflipped views are looked at.
    """
    views = data_batch.get('inputs', []) if isinstance(data_batch, Mapping) else []
    samples = data_batch['data_samples'] if len(views) else []
    if len(views) and isinstance(views[0], Tensor):
        views, samples = [views], [samples]
    for images, metas in zip(views, samples, strict=True):
        image = images[index]
        flipped = metas[index].metainfo.get('flip')
        if image.dtype == torch.uint8 and image.shape[1:] == size and not flipped:
            return np.ascontiguousarray(image.flip(0).permute(1, 2, 0).cpu().numpy())
    return None


def _cores_per_process() -> int:
    if hasattr(os, 'sched_getaffinity'):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, cores // int(os.environ.get('LOCAL_WORLD_SIZE', get_world_size())))
