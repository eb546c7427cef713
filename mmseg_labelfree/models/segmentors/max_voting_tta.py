"""Test-time augmentation that lets the views vote."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList
from torch import Tensor, nn

from ...utils.choices import check_choice


@MODELS.register_module()
class MaxVotingTTAModel(BaseTTAModel):
    r"""Test-time augmentation that merges the views of an image by voting.

    Modeling the Background tests scribble models with 'multi-scale inputs (i.e. [0.5,
    0.75, 1.0, 1.25, 1.5]) with max voting' (section 6.3.2) and says no more. Two
    readings, with :math:`p_v(c)` the softmax of view v, back at the size and
    orientation of the image:

    - ``'max'``: the class with the highest :math:`\max_v p_v(c)`;
    - ``'majority'``: the class that is the :math:`\arg\max_c p_v(c)` of most views;
      ties go to the class with the higher :math:`\sum_v p_v(c)`.

    AFA (https://arxiv.org/abs/2203.02664) has a third one in its code:

    - ``'logits'``: the class with the highest :math:`\max_s \bar l_s(c)`, with
      :math:`\bar l_s` the mean logits of the views of one size, an image and its mirror
      image.

    The default is ``'max'``: the network is DeepLabV2, which fuses its scales by
    'taking at each position the maximum response across the different scales'
    (arXiv:1606.00915, section 3.3), and the works whose test MiB says it repeats build
    on DeepLabV2 too. It compares probabilities where DeepLabV2 compares scores, because
    scores of two views may differ by a constant that means nothing.

    The network runs view by view and only the votes are kept, so the memory does not
    grow with the number of views (with the number of sizes for 'logits'). A merged
    sample's ``seg_logits`` are the logarithms of the normalized votes, or the highest
    logits (float32): their softmax gives probabilities in which ``pred_sem_seg`` is the
    most probable class, for instance for a CRF.

    Args:
        module: The segmentor; ``tools/test.py --tta`` sets it.
        data_preprocessor: As for mmengine's ``BaseTTAModel``.
        vote: 'max', 'majority' or 'logits'.

    Raises:
        ValueError: ``vote`` is unknown; the segmentor has a single logit per pixel;
            the views of an image have different ``ori_shape``.

    Example:
        ``tta_model=dict(type='MaxVotingTTAModel')`` beside a ``tta_pipeline`` with
        ``TestTimeAug``, as in MMSegmentation's dataset configs
    """

    def __init__(
        self,
        module: dict | nn.Module,
        data_preprocessor: dict | None = None,
        vote: Literal['max', 'majority', 'logits'] = 'max',
    ) -> None:
        super().__init__(module, data_preprocessor)
        check_choice('vote', vote, ('max', 'majority', 'logits'))
        self.vote = vote

    def test_step(self, data: dict[str, Sequence]) -> SampleList:
        """Run the views one after another and merge them.

        Args:
            data: Collated output of ``TestTimeAug``: every entry is a list over the
                views of lists over the images of the batch.

        Returns:
            One sample per image, with merged ``seg_logits`` (C, H, W) and
            ``pred_sem_seg`` (1, H, W).
        """
        num_views = len(data['inputs'])
        ballots: list[_Ballot] = []
        for view in range(num_views):
            samples = self.module.test_step({k: v[view] for k, v in data.items()})
            ballots = ballots or [self._ballot(num_views) for _ in samples]
            for ballot, sample in zip(ballots, samples, strict=True):
                ballot.add(sample)
        return [ballot.result() for ballot in ballots]

    def merge_preds(
        self, data_samples_list: Sequence[Sequence[SegDataSample]]
    ) -> SampleList:
        """Merge predictions that are all there already.

        Args:
            data_samples_list: For each image the samples of its views.

        Returns:
            As :meth:`test_step`.
        """
        merged = []
        for samples in data_samples_list:
            ballot = self._ballot(len(samples))
            for sample in samples:
                ballot.add(sample)
            merged.append(ballot.result())
        return merged

    def _ballot(self, num_views: int) -> '_Ballot':
        if self.vote == 'logits':
            return _LogitBallot(self.vote, num_views)
        return _Ballot(self.vote, num_views)


class _Ballot:
    """The votes on one image: a single (C, H, W) tensor, whatever the views."""

    def __init__(self, vote: str, num_views: int) -> None:
        self.vote = vote
        self.tie_weight = 1 / (num_views + 1)  # all ties together stay below one vote
        self.sample: Any = None
        self.votes: Any = None

    def add(self, sample: SegDataSample) -> None:
        logits = sample.seg_logits.data.detach()
        if logits.shape[0] == 1:
            raise ValueError(
                'MaxVotingTTAModel needs one logit per class, but the segmentor has '
                'one per pixel (out_channels=1): use SegTTAModel'
            )
        if self.sample is None:
            self.sample = sample
            self.votes = torch.zeros_like(logits, dtype=torch.float32)
        if logits.shape != self.votes.shape:
            raise ValueError(
                f'{sample.metainfo.get("img_path")}: predictions of {logits.shape[1:]} '
                f'and {self.votes.shape[1:]} cannot be merged: ori_shape differs '
                'between the views of the tta_pipeline'
            )
        self.count(logits.float(), sample)

    def count(self, logits: Tensor, sample: SegDataSample) -> None:
        probabilities = logits.softmax(dim=0)
        if self.vote == 'max':
            torch.maximum(self.votes, probabilities, out=self.votes)
        else:
            winner = probabilities.argmax(dim=0, keepdim=True)
            self.votes.scatter_add_(
                0, winner, torch.ones_like(winner, dtype=self.votes.dtype)
            )
            self.votes.add_(probabilities, alpha=self.tie_weight)

    def result(self) -> SegDataSample:
        logits = self.logits()
        self.sample.set_data(
            dict(
                seg_logits=PixelData(data=logits),
                pred_sem_seg=PixelData(data=logits.argmax(dim=0, keepdim=True)),
            )
        )
        return self.sample

    def logits(self) -> Tensor:
        shares = self.votes / self.votes.sum(dim=0, keepdim=True)
        return shares.clamp_(min=torch.finfo(shares.dtype).tiny).log_()


class _LogitBallot(_Ballot):
    """The logits of one image: their sum and number for each size of its views."""

    def __init__(self, vote: str, num_views: int) -> None:
        super().__init__(vote, num_views)
        self.sums: dict[tuple, Any] = {}

    def count(self, logits: Tensor, sample: SegDataSample) -> None:
        size = tuple(sample.metainfo['img_shape'][:2])
        total, number = self.sums.get(size, (0, 0))
        self.sums[size] = (total + logits, number + 1)

    def logits(self) -> Tensor:
        means = [total / number for total, number in self.sums.values()]
        return torch.stack(means).amax(0)
