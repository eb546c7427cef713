"""Prediction on images and videos, and export of trained models."""
