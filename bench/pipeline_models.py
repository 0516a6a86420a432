"""The models of the second table, made on the spot with random weights."""

import models
import numpy as np
from onnx import helper


def trees(count=20, depth=10, width=29, seed=3, name="tensor", output="variable"):
    """An ensemble of complete regression trees as boosted trees are converted to: 41,000 nodes, 1.5 MB."""
    random = np.random.default_rng(seed)
    inner, nodes = 2**depth - 1, 2 ** (depth + 1) - 1
    ids = np.arange(nodes)
    leaf = ids >= inner
    features = np.where(leaf, 0, random.integers(0, width, (count, nodes)))
    values = np.where(leaf, 0, random.normal(0, 0.7, (count, nodes))).astype(np.float32)
    leaves = np.tile(ids[leaf], count)
    attributes = {
        "nodes_treeids": np.repeat(np.arange(count), nodes),
        "nodes_nodeids": np.tile(ids, count),
        "nodes_featureids": features.ravel(),
        "nodes_values": values.ravel(),
        "nodes_hitrates": np.ones(count * nodes, np.float32),
        "nodes_truenodeids": np.tile(np.where(leaf, 0, 2 * ids + 1), count),
        "nodes_falsenodeids": np.tile(np.where(leaf, 0, 2 * ids + 2), count),
        "nodes_missing_value_tracks_true": np.zeros(count * nodes, np.int64),
        "target_treeids": np.repeat(np.arange(count), leaf.sum()),
        "target_nodeids": leaves,
        "target_ids": np.zeros(leaves.size, np.int64),
        "target_weights": random.normal(0, 0.05, leaves.size).astype(np.float32),
    }
    node = helper.make_node(
        "TreeEnsembleRegressor",
        [name],
        [output],
        domain="ai.onnx.ml",
        n_targets=1,
        base_values=[0.5],
        nodes_modes=["LEAF" if is_leaf else "BRANCH_LT" for is_leaf in np.tile(leaf, count)],
        **{key: array.tolist() for key, array in attributes.items()},
    )
    sides = [(name, "float32", (width,))], [(output, "float32", (1,))]
    return models.build([node], *sides, domains=[("ai.onnx.ml", 3)])


def image_classifier(classes=10, size=224, seed=4, name="image", output="probabilities"):
    """Three convolutions, the mean of each channel, one linear layer: some ms an image."""
    random = np.random.default_rng(seed)
    nodes, arrays, current, channels = [], {}, name, 3
    for i, (filters, stride) in enumerate([(16, 2), (32, 2), (64, 2)]):
        spread = (channels * 9) ** -0.5
        arrays[f"w{i}"] = random.normal(0, spread, (filters, channels, 3, 3)).astype(np.float32)
        arrays[f"b{i}"] = np.zeros(filters, np.float32)
        nodes += [
            helper.make_node(
                "Conv", [current, f"w{i}", f"b{i}"], [f"c{i}"], strides=[stride] * 2, pads=[1] * 4
            ),
            helper.make_node("Relu", [f"c{i}"], [f"r{i}"]),
        ]
        current, channels = f"r{i}", filters
    arrays["weights"] = random.normal(0, channels**-0.5, (channels, classes)).astype(np.float32)
    nodes += [
        helper.make_node("ReduceMean", [current], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["scores"]),
        helper.make_node("Softmax", ["scores"], [output], axis=1),
    ]
    sides = [(name, "float32", (3, size, size))], [(output, "float32", (classes,))]
    return models.build(nodes, *sides, arrays)
