"""Layers with weights or state that heads and segmentors are built from."""

from .attention_affinity import AttentionAffinity, AttentionRecord
from .class_statistics import ClassStatistics
from .memory_bank import PrototypeMemoryBank
from .semantic_projection import SemanticProjection
from .step_classifier import StepClassifier
from .summed_aspp import SummedASPP

__all__ = [
    'AttentionAffinity',
    'AttentionRecord',
    'ClassStatistics',
    'PrototypeMemoryBank',
    'SemanticProjection',
    'StepClassifier',
    'SummedASPP',
]
