"""Segmentors: subclasses of MMSegmentation's ``EncoderDecoder``."""

from .incremental import IncrementalEncoderDecoder

__all__ = ['IncrementalEncoderDecoder']
