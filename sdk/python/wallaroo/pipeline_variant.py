"""Older module name of :mod:`wallaroo.pipeline_version`."""

from .pipeline_version import PipelineVersion, PipelineVersionList

PipelineVariant = PipelineVersion

__all__ = ["PipelineVariant", "PipelineVersion", "PipelineVersionList"]
