"""XGBoost: pickles of boosters and of the scikit-learn wrappers, and XGBoost's own .json and .ubj files."""

import copy
import warnings

from joey_worker import onnx_graph
from joey_worker.failure import StepError
from joey_worker.frameworks import Incompatible, reason, tabular
from joey_worker.unpickle import unpickle

OPSET = 15


def load(file, inputs, outputs):
    import xgboost

    library = f"xgboost {xgboost.__version__}"
    notes = ()
    head = file.head(2).lstrip()
    if head[:1] == b"{":  # both JSON and UBJSON begin with an object
        model = xgboost.Booster()
        try:
            model.load_model(bytearray(file.read()))
        except Exception as error:
            raise StepError(
                f"the file cannot be loaded with {library}: {_brief(error)}",
                "upload what booster.save_model wrote, or a pickle",
                "load",
            ) from error
    else:
        model, notes = unpickle(file, library)
    if isinstance(model, xgboost.Booster):
        kind = BoosterModel
    elif hasattr(model, "get_booster"):
        kind = WrapperModel
    else:
        raise StepError(
            f"the file holds a {type(model).__name__}, not a model of XGBoost",
            "for a scikit-learn pipeline use framework sklearn",
            "load",
        )
    try:
        return kind(model, inputs, outputs, {"xgboost": xgboost.__version__}, notes)
    except xgboost.core.XGBoostError as error:
        raise StepError(
            f"the model cannot be used with {library}: {_brief(error)}", "fit it first", "load"
        ) from error


def _brief(error):
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


class _Model(tabular.TabularModel):
    def __init__(self, model, booster, inputs, outputs, versions, notes):
        super().__init__(model, booster.num_features(), inputs, outputs)
        self.booster = booster
        self.versions = versions
        self.notes = notes

    def corners(self):
        names = self.booster.feature_names
        table = self.booster.trees_to_dataframe()
        table = table[table["Split"].notna()]
        places = {name: i for i, name in enumerate(names)} if names else None
        found = []
        for name, value in zip(table["Feature"], table["Split"]):
            feature = places[name] if places else int(str(name).lstrip("f"))
            found.append((feature, float(value)))
        return found

    def points(self):
        return None

    def _converted(self, wanted_of):
        self.need_float32_row()
        import onnxmltools
        from onnxmltools.convert.common.data_types import FloatTensorType

        booster = copy.copy(self.booster)
        booster.feature_names = None  # onnxmltools wants them as f0, f1 …
        booster.feature_types = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                graph = onnxmltools.convert_xgboost(
                    booster,
                    initial_types=[(self.inputs.names[0], FloatTensorType([None, self.features]))],
                    target_opset=OPSET,
                )
        except Exception as error:
            raise Incompatible(f"onnxmltools cannot convert it: {reason(error)}") from error
        given = [output.name for output in graph.graph.output]
        wanted = [wanted_of(given, name) for name in self.outputs.names]
        return onnx_graph.fitted(graph, wanted, self.outputs), f"onnxmltools {onnxmltools.__version__}"


class BoosterModel(_Model):
    def __init__(self, model, inputs, outputs, versions, notes):
        model.set_param({"nthread": 1})
        super().__init__(model, model, inputs, outputs, versions, notes)
        self._names = model.feature_names

    def predict(self, arrays):
        import xgboost

        matrix = xgboost.DMatrix(self.matrix(arrays), feature_names=self._names, nthread=1)
        return self.spread(self.booster.predict(matrix))

    def to_onnx(self):
        objective = _objective(self.booster)

        def wanted(given, _):
            if len(given) == 1:
                return given[0]
            if objective == "multi:softmax":
                return "label"
            # Of two classes a booster gives the probability of the second.
            return ("probabilities", 1) if objective.startswith("binary:") else "probabilities"

        return self._converted(wanted)


class WrapperModel(_Model):
    def __init__(self, model, inputs, outputs, versions, notes):
        model.n_jobs = 1  # set_params() needs attributes that models of older versions lack
        super().__init__(model, model.get_booster(), inputs, outputs, versions, notes)

    def _probabilities(self, name):
        return name in tabular.PROBABILITIES and hasattr(self.model, "predict_proba")

    def predict(self, arrays):
        matrix = self.matrix(arrays)
        names = self.outputs.names
        if len(names) == 1 or not any(map(self._probabilities, names)):
            ask = self.model.predict_proba if self._probabilities(names[0]) else self.model.predict
            return self.spread(ask(matrix))
        given = {True: self.model.predict_proba(matrix), False: self.model.predict(matrix)}
        return {name: given[self._probabilities(name)] for name in names}

    def to_onnx(self):
        def wanted(given, name):
            if len(given) == 1:
                return given[0]
            return "probabilities" if self._probabilities(name) else "label"

        return self._converted(wanted)


def _objective(booster):
    import json

    return json.loads(booster.save_config())["learner"]["objective"]["name"]
