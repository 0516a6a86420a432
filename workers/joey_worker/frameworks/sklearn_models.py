"""scikit-learn: pickle and joblib files of estimators and pipelines."""

import warnings

import numpy as np

from joey_worker import onnx_graph
from joey_worker.failure import StepError
from joey_worker.frameworks import Incompatible, reason, tabular
from joey_worker.unpickle import unpickle

OPSETS = {"": 18, "ai.onnx.ml": 3}
THRESHOLDS_MAX = 4096


def load(file, inputs, outputs):
    import sklearn

    model, notes = unpickle(file, f"scikit-learn {sklearn.__version__}")
    if not any(callable(getattr(model, name, None)) for name in ("predict", "transform")):
        raise StepError(
            f"the file holds a {type(model).__name__}, which has neither predict nor transform",
            "upload a fitted estimator or pipeline",
            "load",
        )
    return SklearnModel(model, inputs, outputs, {"scikit-learn": sklearn.__version__}, notes)


class SklearnModel(tabular.TabularModel):
    def __init__(self, model, inputs, outputs, versions, notes):
        super().__init__(model, getattr(model, "n_features_in_", None), inputs, outputs)
        self.versions = versions
        self.notes = notes
        # A field is named after the method that fills it; every other name means predict.
        self.methods = [self._method(name) for name in outputs.names]
        warnings.filterwarnings("ignore", message="X does not have valid feature names")

    def _method(self, name):
        if name in tabular.PROBABILITIES and hasattr(self.model, "predict_proba"):
            return "predict_proba"
        if name in ("decision_function", "predict_log_proba", "score_samples", "transform") and hasattr(
            self.model, name
        ):
            return name
        return "predict" if hasattr(self.model, "predict") else "transform"

    def predict(self, arrays):
        matrix = self.matrix(arrays)
        if getattr(matrix, "dtype", None) == np.float32:
            matrix = matrix.astype(np.float64)  # as it was trained; some estimators refuse the other
        if len(set(self.methods)) == 1:
            return self.spread(getattr(self.model, self.methods[0])(matrix))
        given = {method: getattr(self.model, method)(matrix) for method in set(self.methods)}
        return {name: given[method] for name, method in zip(self.outputs.names, self.methods)}

    def corners(self):
        found = []
        _thresholds(self.model, found, 0)
        return [(feature, value) for feature, value in found if 0 <= feature < self.features]

    def to_onnx(self):
        self.need_float32_row()
        import skl2onnx
        from skl2onnx.common.data_types import FloatTensorType

        unknown = set(self.methods) - {"predict", "predict_proba", "transform"}
        if unknown:
            raise Incompatible(f"{unknown.pop()} has no counterpart in ONNX")
        name = self.inputs.names[0]
        options = {}
        if "predict_proba" in self.methods or hasattr(self.model, "classes_"):
            options = {id(self.model): {"zipmap": False}}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                graph = skl2onnx.to_onnx(
                    self.model,
                    initial_types=[(name, FloatTensorType([None, self.features]))],
                    options=options,
                    target_opset=OPSETS,
                )
        except Exception as error:
            raise Incompatible(f"skl2onnx cannot convert it: {reason(error)}") from error
        _send_missing_values(graph.graph, self.model)
        given = [output.name for output in graph.graph.output]
        wanted = []
        for method in self.methods:
            name = "probabilities" if method == "predict_proba" else given[0]
            if name not in given:
                raise Incompatible(f"the converted model gives {given}, not {name}")
            wanted.append(name)
        return onnx_graph.fitted(graph, wanted, self.outputs), f"skl2onnx {skl2onnx.__version__}"


def _send_missing_values(graph, model):
    """Tells the trees of a graph on which side missing values go; skl2onnx leaves that out for forests."""
    final = model.steps[-1][1] if hasattr(model, "steps") else model
    trees = [final] if hasattr(final, "tree_") else getattr(final, "estimators_", ())
    nodes = [node for node in graph.node if node.op_type.startswith("TreeEnsemble")]
    if len(nodes) != 1 or not all(hasattr(tree, "tree_") for tree in trees):
        return
    sides = [getattr(tree.tree_, "missing_go_to_left", None) for tree in trees]
    if not sides or any(side is None for side in sides):
        return
    said = {attribute.name: attribute for attribute in nodes[0].attribute}
    places = list(zip(said["nodes_treeids"].ints, said["nodes_nodeids"].ints))
    if sorted(places) != [(t, n) for t, side in enumerate(sides) for n in range(len(side))]:
        return  # in another order than scikit-learn's own
    missing = said["nodes_missing_value_tracks_true"]
    del missing.ints[:]
    missing.ints.extend(int(sides[t][n]) for t, n in places)


def _thresholds(thing, found, level):
    """(feature, value) of every node of the trees in an estimator."""
    if level > 8 or len(found) > THRESHOLDS_MAX:
        return
    tree = getattr(thing, "tree_", None)
    if tree is not None and hasattr(tree, "threshold"):
        found.extend(zip(tree.feature.tolist(), tree.threshold.tolist()))
        return
    nodes = getattr(thing, "nodes", None)  # of histogram gradient boosting
    if nodes is not None and getattr(nodes, "dtype", None) is not None and nodes.dtype.names:
        inner = nodes[nodes["is_leaf"] == 0]
        found.extend(zip(inner["feature_idx"].tolist(), inner["num_threshold"].tolist()))
        return
    if isinstance(thing, (list, tuple)):
        children = list(thing)
    elif hasattr(thing, "ravel") and getattr(getattr(thing, "dtype", None), "kind", "") == "O":
        children = list(thing.ravel())
    else:
        names = (
            "steps",
            "estimators_",
            "estimator_",
            "_predictors",
            "best_estimator_",
            "calibrated_classifiers_",
        )
        children = [getattr(thing, name, None) for name in names]
    for child in children:
        if child is not None and not isinstance(child, str):
            _thresholds(child, found, level + 1)
