"""The steps of a pipeline, kept in the client until it is deployed (guide L6880-7021)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from . import _validations, pipeline_config
from .exceptions import InvalidRequestError, PreconditionError
from .pipeline_config import Step

if TYPE_CHECKING:
    from .checks import Expression
    from .model_version import ModelVersion

Self = TypeVar("Self", bound="PipelineSteps")


class PipelineSteps:
    """What :class:`~wallaroo.pipeline.Pipeline` does with its steps.

    Every method that changes them returns the pipeline, so calls can be chained.
    """

    def __init__(self) -> None:
        self._steps: Optional[list[Step]] = None

    def name(self) -> str:
        """Name of the pipeline."""
        raise NotImplementedError

    def _stored_steps(self) -> list[Step]:
        """Steps of the newest stored version."""
        raise NotImplementedError

    def steps(self) -> list[Step]:
        """The steps as they would be deployed."""
        return self._stored_steps() if self._steps is None else list(self._steps)

    def add_model_step(self: Self, model: ModelVersion) -> Self:
        """Append a step that runs `model` (guide L6888-6907).

        Returns
        -------
        Pipeline
            This pipeline.
        """
        return self._append(pipeline_config.model_step([model]))

    def replace_with_model_step(self: Self, index: int, model: ModelVersion) -> Self:
        """Put a step that runs `model` in the place of step `index` (guide L6909-6955)."""
        return self._replace(index, pipeline_config.model_step([model]))

    def add_multi_model_step(self: Self, models: Iterable[ModelVersion]) -> Self:
        """Append a step that runs several models on the same data.

        The result is the first model's; :meth:`add_select` takes another one.
        """
        return self._append(pipeline_config.multi_model_step(models))

    def replace_with_multi_model_step(
        self: Self, index: int, models: Iterable[ModelVersion]
    ) -> Self:
        """Put a step that runs several models in the place of step `index`."""
        return self._replace(index, pipeline_config.multi_model_step(models))

    def add_random_split(
        self: Self,
        weighted: Iterable[tuple[float, ModelVersion]],
        hash_key: Optional[str] = None,
    ) -> Self:
        """Append a step that gives each row to one of several models (guide L7394-7486).

        Which one served a row is said in ``out._model_split``.

        Parameters
        ----------
        weighted : list of (weight, model)
            The models, the champion first, and their shares.
        hash_key : str, optional
            Input column whose value decides, so that equal values meet the same model. Chance
            decides where None, and for requests without that column.

        Examples
        --------
        >>> pipeline.add_random_split([(2, control), (1, challenger)])  # doctest: +SKIP
        """
        return self._append(pipeline_config.random_split_step(weighted, hash_key))

    def replace_with_random_split(
        self: Self,
        index: int,
        weighted: Iterable[tuple[float, ModelVersion]],
        hash_key: Optional[str] = None,
    ) -> Self:
        """Put a random split in the place of step `index`; see :meth:`add_random_split`."""
        return self._replace(index, pipeline_config.random_split_step(weighted, hash_key))

    def add_key_split(
        self: Self, default: ModelVersion, meta_key: str, options: Mapping[str, ModelVersion]
    ) -> Self:
        """Append a step that chooses the model by the value of a column.

        Parameters
        ----------
        default : ModelVersion
            Serves every value that `options` does not name.
        meta_key : str
            Input column that decides.
        options : dict
            Which model serves which value.
        """
        return self._append(pipeline_config.key_split_step(default, meta_key, options))

    def replace_with_key_split(
        self: Self,
        index: int,
        default: ModelVersion,
        meta_key: str,
        options: Mapping[str, ModelVersion],
    ) -> Self:
        """Put a key split in the place of step `index`; see :meth:`add_key_split`."""
        return self._replace(index, pipeline_config.key_split_step(default, meta_key, options))

    def add_shadow_deploy(
        self: Self, champion: ModelVersion, challengers: Iterable[ModelVersion]
    ) -> Self:
        """Append steps that run challengers beside the champion (guide L7488-7539).

        Outputs of the champion are ``out.<field>``, those of challengers
        ``out_<model name>.<field>``, in answers and logs.
        """
        return self._append(*pipeline_config.shadow_steps(champion, challengers))

    def replace_with_shadow_deploy(
        self: Self, index: int, champion: ModelVersion, challengers: Iterable[ModelVersion]
    ) -> Self:
        """Put a shadow deployment in the place of step `index`; see :meth:`add_shadow_deploy`."""
        return self._replace(index, *pipeline_config.shadow_steps(champion, challengers))

    def add_audit(self: Self, audit_slice: str) -> Self:
        """Append a step that logs some of the results of a multi-model step.

        Parameters
        ----------
        audit_slice : str
            Which of them, as a slice: "1:", ":2", "0:3".
        """
        return self._append_to_stored(pipeline_config.audit_step_of(audit_slice))

    def replace_with_audit(self: Self, index: int, audit_slice: str) -> Self:
        """Put an audit step in the place of step `index`; see :meth:`add_audit`."""
        return self._replace(index, pipeline_config.audit_step_of(audit_slice))

    def add_select(self: Self, index: int) -> Self:
        """Append a step that takes result number `index` of a multi-model step."""
        return self._append_to_stored(pipeline_config.select_step(index))

    def replace_with_select(self: Self, step_index: int, select_index: int) -> Self:
        """Put a select step in the place of step `step_index`; see :meth:`add_select`."""
        return self._replace(step_index, pipeline_config.select_step(select_index))

    def add_validations(self: Self, **validations: Any) -> Self:
        """Add anomaly detection over inputs and outputs (guide L6585-6788).

        Validations add up over calls; one of a name that exists takes its place.

        Parameters
        ----------
        **validations : polars.Expr
            Conditions by name, over columns such as "out.dense_1" and "in.tensor"; True is an
            anomaly. Each becomes ``anomaly.<name>``, and ``anomaly.count`` is their number, so
            "count" is left out with a warning.

        Examples
        --------
        >>> pipeline.add_validations(
        ...     fraud=polars.col("out.dense_1").list.get(0) > 0.9)  # doctest: +SKIP
        """
        texts = _validations.polars_texts(validations)
        self._steps = _validations.with_texts(self._steps_to_validate(), texts)
        return self

    def add_validation(self: Self, name: str, validation: Expression) -> Self:
        """Add a condition that every inference should fulfil (guide L7296-7392).

        Where it does not hold, it stands in ``check_failures`` and the row in
        ``logs(valid=False)``.

        Parameters
        ----------
        name : str
            Name of the validation.
        validation : wallaroo.checks.Expression
            The condition.

        Examples
        --------
        >>> pipeline.add_validation(
        ...     "price too high", model.outputs[0][0] < 100.0)  # doctest: +SKIP
        """
        text = _validations.legacy_text(name, validation)
        steps = self._steps_to_validate()
        known = {m.name() for step in steps for m in step.models()}
        for model in sorted(validation.model_names() - known):
            raise InvalidRequestError(
                f"The validation looks at model {model!r}, which no step of pipeline "
                f"{self.name()!r} runs",
                f"Its models are: {', '.join(sorted(known))}",
            )
        self._steps = _validations.with_legacy_text(steps, text)
        return self

    def remove_step(self: Self, index: int) -> Self:
        """Remove step `index`, of a shadow deployment all it consists of (guide L7003-7014)."""
        return self._replace(index)

    def clear(self: Self) -> Self:
        """Remove all steps."""
        self._steps = []
        return self

    def _append(self: Self, *steps: Step) -> Self:
        self._steps = [*(self._steps or []), *steps]
        return self

    def _append_to_stored(self: Self, step: Step) -> Self:
        self._steps = [*self.steps(), step]
        return self

    def _replace(self: Self, index: int, *new: Step) -> Self:
        steps = self.steps()
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(steps):
            raise InvalidRequestError(
                f"Pipeline {self.name()!r} has no step {index!r}",
                f"It has {len(steps)} steps, the first is 0",
            )
        steps[index : pipeline_config.end_of_group(steps, index)] = new
        self._steps = steps
        return self

    def _steps_to_validate(self) -> Sequence[Step]:
        steps = self.steps()
        if not any(step.is_inference() for step in steps):
            raise PreconditionError(
                f"Pipeline {self.name()!r} has no step whose results could be validated",
                "Add one first, with pipeline.add_model_step(model)",
            )
        return steps
