"""What InferenceBuilder.create() gets."""

from dataclasses import dataclass, field
from pathlib import Path

from mac.exceptions import DirectoryNotExistError, PathNotExistError
from mac.types import SupportedFrameworks


@dataclass
class InferenceConfig:
    framework: SupportedFrameworks
    model_path: Path

    def __post_init__(self):
        self.framework = SupportedFrameworks(self.framework)
        self.model_path = Path(self.model_path)
        if not self.model_path.exists():
            raise PathNotExistError(f"there is no {self.model_path}")


@dataclass
class CustomInferenceConfig(InferenceConfig):
    """`model_path` is the folder that the uploaded zip was unpacked to."""

    modules_to_include: set[Path] = field(default_factory=lambda: {Path("*.py")})

    def __post_init__(self):
        super().__post_init__()
        if self.framework is not SupportedFrameworks.CUSTOM:
            raise ValueError(f"a custom model has the framework 'custom', not {self.framework.value!r}")
        if not self.model_path.is_dir():
            raise DirectoryNotExistError(f"{self.model_path} is no directory")
        if not self.matching_files:
            raise FileNotFoundError(
                f"no Python module in {self.model_path} matches {self.modules_to_include}"
            )

    @property
    def matching_files(self) -> set[Path]:
        found = {file for pattern in self.modules_to_include for file in self.model_path.glob(str(pattern))}
        return {file for file in found if file.suffix == ".py" and file.is_file()}
