"""Hook that keeps important parameters near their old values: EWC, PI and RW."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from mmengine.hooks import LoggerHook
from mmengine.optim import AmpOptimWrapper, OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from ....utils.choices import check_choice
from ....utils.distributed import bare_model
from ....utils.framework_compat import checks_overflow
from ..checkpoint_entry_hook import CheckpointEntryHook
from .official_recorders import (
    OfficialPathIntegralRecorder,
    OfficialRiemannianWalkRecorder,
)
from .penalty import ENTRY, ImportancePenalty, Previous, read_previous
from .recorders import (
    FisherRecorder,
    ImportanceRecorder,
    PathIntegralRecorder,
    RiemannianWalkRecorder,
    State,
)
from .stability import check_stability
from .tracker import ImportanceTracker

Variant = Literal['paper', 'official']

#: What is added to denominators: those of the scores, and that of the normalization.
EPS = dict(
    paper=dict(pi=1e-7, rw=1e-7, normalize=0.0),
    official=dict(pi=1e-20, rw=1e-8, normalize=1e-8),
)


@HOOKS.register_module()
class ParameterImportanceHook(CheckpointEntryHook):
    r"""Hook that records the importance of parameters and penalizes their change.

    The prior-focused baselines EWC, PI and RW of MiB (section 6.2.1,
    https://arxiv.org/abs/2201.13338; see
    :mod:`mmseg_labelfree.ops.parameter_importance`). During a step the hook records
    the importance of every trainable parameter, and each checkpoint carries it as the
    entry ``parameter_importance``. In a later step it adds the gradient of

    .. math:: weight \cdot \sum_i \Omega_i (\theta_i - \theta_i^*)^2

    to every update, where :math:`\Omega` and :math:`\theta^*` are the importance and
    the weights in the previous step's checkpoint. Rows that a classifier
    (``*.conv_seg``) has gained have no penalty, nor has a parameter without importance
    in that checkpoint. Only the parameters count, not the statistics of batch norm.

    ``variant='official'`` is what the authors' code computes
    (https://github.com/fcdl94/MiB, commit 1c58983, utils/regularizer.py), with g the
    gradient of an update and :math:`\theta` the parameters before it:

    - EWC: the Fisher diagonal F goes on from that of the step before.
    - PI: each g counts with the update *before* it. The score is divided by
      :math:`d^2 + 10^{-20}`, with d the way of the whole step.
    - RW: at every tenth update, the first included, g alone counts with the way d since
      the last such update: :math:`-g d / (F d^2 / 2 + 10^{-8})` is added to
      the score, which is cut off at 0 after the step. F is as in EWC.
    - :math:`10^{-8}` is added to the range that a map is divided by.

    ``variant='paper'`` is what the papers of the three methods say:

    - EWC: F is this step's alone and starts at one.
    - PI: each g counts with the update that follows it.
    - RW: the path integral of all updates of an interval, over :math:`F d^2 / 2`;
      each interval's score is cut off at 0. F as in EWC.

    The hook acts right before and after ``optimizer.step()``. There the gradient is
    that of the task alone, summed over accumulated iterations, averaged over DDP's
    processes, unscaled by ``AmpOptimWrapper`` and clipped, if the optimizer wrapper is
    told to; an update skipped for overflow is not seen. The penalty's gradient is
    added after all that, so it is neither clipped nor part of the logged
    ``grad_norm``. With averaged gradients all processes have the same state, and
    nothing has to be exchanged. The state has the device and dtype of the parameters.

    ``train/importance_penalty`` is logged at the logger's interval, as it is after
    the update. A large penalty needs small updates: SGD with Nesterov momentum 0.9
    diverges where ``2 * weight * lr`` times a parameter's importance is above 1.36.
    ``ClassIncrementalProtocol`` checks this for all steps before the first one trains,
    and the hook at the start of a step, with the largest importance there can be and
    the rate as ``auto_scale_lr`` scales it.

    Args:
        importance: 'ewc', 'pi' or 'rw'.
        weight: Factor on the penalty; 500 for EWC and PI and 100 for RW in
            the authors' code.
        checkpoint: Checkpoint of the previous step, or its
            ``work_dir``. None, for the first step, only records.
            ``ClassIncrementalProtocol`` sets it.
        alpha: Weight of the newest squared gradient in the Fisher diagonal of
            EWC and RW. Defaults to 0.9, as in the authors' code.
        interval: Updates between two scores of RW. Defaults to 10, as in the
            authors' code.
        eps: Added to the denominators of PI's and RW's scores. Defaults to
            1e-7 in the paper's variant, and in the authors' to their 1e-20 (PI) and
            1e-8 (RW).
        normalize: Scale each map of importance to 0..1 within each parameter,
            as the authors' code does: the weights above are in these units. RW adds
            two maps, so its importance reaches 2. In a classifier the rows of
            each step are scaled by themselves. Defaults to True.
        variant: 'paper' or 'official', as above. Defaults to 'paper'.

    Raises:
        ValueError: An argument is out of range; the previous checkpoint, or the one
            to resume from, has no importance, that of another kind or variant, or of
            other parameters; SGD would diverge; or mixed precision uses an optimizer
            with ``fused=True``, which unscales gradients too late.
        FileNotFoundError: There is no such checkpoint.
        TypeError: The optimizer wrapper is not a plain ``OptimWrapper``.

    Example:
        ``custom_hooks=[dict(type='ParameterImportanceHook', importance='ewc',
        weight=500., variant='official')]``
    """

    entry = ENTRY
    remedy = 'train this step from its start'

    def __init__(
        self,
        importance: Literal['ewc', 'pi', 'rw'],
        weight: float,
        checkpoint: str | None = None,
        alpha: float = 0.9,
        interval: int = 10,
        eps: float | None = None,
        normalize: bool = True,
        variant: Variant = 'paper',
    ) -> None:
        check_choice('importance', importance, ('ewc', 'pi', 'rw'))
        check_choice('variant', variant, get_args(Variant))
        if not weight >= 0:
            raise ValueError(f'weight must not be negative, got {weight}')
        if not 0 < alpha <= 1:
            raise ValueError(f'alpha must be above 0 and at most 1, got {alpha}')
        if interval < 1:
            raise ValueError(f'interval must be at least 1, got {interval}')
        if eps is None:
            eps = EPS[variant].get(importance, 1e-7)
        if not eps > 0:
            raise ValueError(f'eps must be positive, got {eps}')
        self.importance = importance
        self.weight = weight
        self.checkpoint = checkpoint
        self.alpha = alpha
        self.interval = interval
        self.eps = eps
        self.normalize = normalize
        self.variant = variant
        self.tracker: ImportanceTracker | None = None

    def before_train(self, runner: Runner) -> None:
        """Check that the hook works with the optimizer."""
        wrapper = runner.optim_wrapper
        if isinstance(wrapper, OptimWrapperDict) or not isinstance(
            wrapper, OptimWrapper
        ):
            raise TypeError(
                'ParameterImportanceHook follows one optimizer in an OptimWrapper, but '
                f'optim_wrapper is {type(wrapper).__name__}: use a plain OptimWrapper, '
                'or remove the hook'
            )
        if isinstance(wrapper, AmpOptimWrapper) and checks_overflow(wrapper.optimizer):
            raise ValueError(
                'ParameterImportanceHook sees scaled gradients if the optimizer is '
                'fused: set fused=False in optim_wrapper.optimizer'
            )
        if self.checkpoint is not None and isinstance(wrapper.optimizer, SGD):
            for group in wrapper.optimizer.param_groups:
                # A schedule has begun to lower 'lr', or to raise it from nothing.
                highest = group.get('initial_lr', group['lr'])
                self.check_stability({**group, 'lr': highest}, runner.work_dir)
        self._detach()

    def check_stability(self, settings: Mapping[str, Any], where: str) -> None:
        """Raise if SGD would diverge on the penalty.

        Args:
            settings: Arguments of ``torch.optim.SGD``, with the highest 'lr'.
            where: What has these settings, for the message.

        Raises:
            ValueError: ``2 * weight * lr`` times the largest importance there can be
                exceeds the stability limit. Raw importance has no largest value.
        """
        if self.normalize:
            largest = 2.0 if self.importance == 'rw' else 1.0
            check_stability(self.weight, largest, settings, where)

    def before_train_epoch(self, runner: Runner) -> None:
        """Start the record; on resume, continue it.

        Not earlier, because only now have all hooks set weights and memory layout.
        """
        if self.tracker is not None:
            return
        self.track(bare_model(runner.model), runner.optim_wrapper.optimizer)
        super().before_train(runner)
        if self.checkpoint is not None:
            runner.logger.info(f'Parameter importance loaded from {self.checkpoint}.')

    def track(self, model: nn.Module, optimizer: Optimizer) -> ImportanceTracker:
        """Record and penalize every ``optimizer.step()`` from now on.

        Args:
            model: The bare model, with its weights at the start of the step, or of the
                resumed training.
            optimizer: Its optimizer.

        Returns:
            The tracker, which is also the attribute ``tracker``.
        """
        params = {n: p for n, p in model.named_parameters() if p.requires_grad}
        official = self.variant == 'official'
        kind = dict(importance=self.importance, official=official)
        previous = Previous()
        if self.checkpoint is not None:
            eps = EPS[self.variant]['normalize'] if self.normalize else None
            previous = read_previous(self.checkpoint, kind, params, eps)
        penalty = None
        if self.weight and previous.tensors[0]:
            penalty = ImportancePenalty(*previous.tensors, self.weight)
        recorder = self._build_recorder(list(params.values()), previous.maps)
        self.tracker = ImportanceTracker(
            kind, params, recorder, penalty, previous, optimizer
        )
        return self.tracker

    def contents(self, runner: Runner) -> dict[str, Any] | None:
        """Return the importance for the next step and the state of the record."""
        return None if self.tracker is None else self.tracker.entry()

    def restore(self, runner: Runner, entry: dict[str, Any]) -> None:
        """Continue the record."""
        if self.tracker is not None:
            self.tracker.restore(entry)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Log the value of the penalty at the logger's interval."""
        penalty = None if self.tracker is None else self.tracker.penalty
        if penalty is None:
            return
        for hook in runner.hooks:
            if isinstance(hook, LoggerHook) and self.every_n_inner_iters(
                batch_idx, hook.interval
            ):
                value = penalty.value().item()
                runner.message_hub.update_scalar('train/importance_penalty', value)

    def after_run(self, runner: Runner) -> None:
        """Remove the tracker from the optimizer."""
        self._detach()

    def _detach(self) -> None:
        if self.tracker is not None:
            self.tracker.detach()
        self.tracker = None

    def _build_recorder(self, params: list[Tensor], old: State) -> ImportanceRecorder:
        official = self.variant == 'official'
        if self.importance == 'ewc':
            return FisherRecorder(params, self.alpha, old if official else {})
        if self.importance == 'pi':
            recorder = (
                OfficialPathIntegralRecorder if official else PathIntegralRecorder
            )
            return recorder(params, self.eps)
        settings = params, self.alpha, self.interval, self.eps
        if official:
            return OfficialRiemannianWalkRecorder(*settings, old)
        return RiemannianWalkRecorder(*settings)
