"""Frameworks of models (guide L892-921)."""

from __future__ import annotations

import difflib
from enum import Enum
from pathlib import Path
from typing import Optional, Union

from .exceptions import InvalidRequestError


class Framework(str, Enum):
    """Framework of an uploaded model.

    Examples
    --------
    >>> Framework.ONNX.value
    'onnx'
    >>> [f.value for f in Framework][:3]
    ['onnx', 'tensorflow', 'python']
    """

    ONNX = "onnx"
    TENSORFLOW = "tensorflow"
    PYTHON = "python"
    KERAS = "keras"
    SKLEARN = "sklearn"
    PYTORCH = "pytorch"
    XGBOOST = "xgboost"
    HUGGING_FACE_FEATURE_EXTRACTION = "hugging-face-feature-extraction"
    HUGGING_FACE_IMAGE_CLASSIFICATION = "hugging-face-image-classification"
    HUGGING_FACE_IMAGE_SEGMENTATION = "hugging-face-image-segmentation"
    HUGGING_FACE_IMAGE_TO_TEXT = "hugging-face-image-to-text"
    HUGGING_FACE_OBJECT_DETECTION = "hugging-face-object-detection"
    HUGGING_FACE_QUESTION_ANSWERING = "hugging-face-question-answering"
    HUGGING_FACE_STABLE_DIFFUSION_TEXT_2_IMG = "hugging-face-stable-diffusion-text-2-img"
    HUGGING_FACE_SUMMARIZATION = "hugging-face-summarization"
    HUGGING_FACE_TEXT_CLASSIFICATION = "hugging-face-text-classification"
    HUGGING_FACE_TRANSLATION = "hugging-face-translation"
    HUGGING_FACE_ZERO_SHOT_CLASSIFICATION = "hugging-face-zero-shot-classification"
    HUGGING_FACE_ZERO_SHOT_IMAGE_CLASSIFICATION = "hugging-face-zero-shot-image-classification"
    HUGGING_FACE_ZERO_SHOT_OBJECT_DETECTION = "hugging-face-zero-shot-object-detection"
    HUGGING_FACE_SENTIMENT_ANALYSIS = "hugging-face-sentiment-analysis"
    HUGGING_FACE_TEXT_GENERATION = "hugging-face-text-generation"
    # Used by the guide's examples, missing in its list.
    HUGGING_FACE_AUTOMATIC_SPEECH_RECOGNITION = "hugging-face-automatic-speech-recognition"
    CUSTOM = "custom"
    MLFLOW = "mlflow"

    def __str__(self) -> str:
        return self.value


# Loaded by the engine itself; every other framework is converted after the upload.
NATIVE = frozenset({Framework.ONNX, Framework.TENSORFLOW, Framework.PYTHON})

# Of those, what is tried as a native model first.
CONVERTED = frozenset({Framework.KERAS, Framework.SKLEARN, Framework.PYTORCH, Framework.XGBOOST})

_OF_SUFFIX = {".onnx": Framework.ONNX, ".py": Framework.PYTHON}


def resolve(framework: Optional[Union[str, Framework]], path: Union[str, Path]) -> Framework:
    """The framework meant by `framework`, or that of the suffix of `path` where it is None.

    Raises
    ------
    InvalidRequestError
        No such framework, or none given and the suffix does not tell.
    """
    if framework is None:
        found = _OF_SUFFIX.get(Path(path).suffix.lower())
        if found is not None:
            return found
        raise InvalidRequestError(
            f"The file name {Path(path).name!r} does not tell the framework of the model",
            "Pass framework=, for example framework=wallaroo.framework.Framework.TENSORFLOW",
        )
    try:
        return Framework(framework)
    except ValueError:
        values = [f.value for f in Framework]
        near = difflib.get_close_matches(str(framework), values, 1)
        raise InvalidRequestError(
            f"There is no framework {framework!r}",
            f"Did you mean {near[0]!r}?" if near else f"One of: {', '.join(values)}",
        ) from None
