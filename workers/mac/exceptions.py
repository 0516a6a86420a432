"""What goes wrong in custom models; each takes a message."""


class ArrowRecordBatchConversionError(Exception):
    """Data cannot become a table."""


class DirectoryNotExistError(Exception):
    """There is no such directory."""


class FileFormatError(Exception):
    """A file is of another format."""


class InferenceDataValidationError(Exception):
    """The input is not as the model needs it."""


class InferencePostprocessingError(Exception):
    """The work after the model failed."""


class InferencePreprocessingError(Exception):
    """The work before the model failed."""


class InferenceTypeError(Exception):
    """Something is no inference."""


class ModelPredictionError(Exception):
    """The model itself failed."""


class MLflowModelSignatureError(Exception):
    """The signature of an MLflow model is missing or wrong."""


class ModelNotAssignedError(Exception):
    """predict() was called before there was a model."""


class PandasRecordsConversionError(Exception):
    """Records cannot become a table."""


class PathNotExistError(Exception):
    """There is no such file or directory."""


class SubclassTypeNotExistError(Exception):
    """A module has no class of the type that is looked for."""
