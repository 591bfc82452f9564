#!/usr/bin/env python3
"""Times libraries that compile trees, on trees and rows that `benchmark ensemble --libraries` hands over.

tree_libraries.py MODEL.ubj ROWS.f32 WIDTH: an XGBoost model and 32-bit floats, row by row. Prints a line for each library:
its name, a tab, nanoseconds a row in batches of 1,024 on one thread (the best of several rounds). Needs numpy, tl2cgen
1.0.0, treelite 4.8.1, lleaves 1.3.0 and llvmlite 0.44 from PyPI, and gcc. Rows alone are not timed: through Python that measures Python.
"""

import json
import math
import os
import sys
import tempfile
import time
from importlib.metadata import version

import numpy as np
import treelite

BATCH = 1024
ROUNDS = 7


def best(predict, rows):
    """Nanoseconds a row; `predict` is called with what `batches` made of each batch."""
    figures = []
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        for batch in rows:
            predict(batch)
        figures.append((time.perf_counter_ns() - start) / (len(rows) * BATCH))
    return min(figures)


def with_tl2cgen(model, batches, directory):
    import tl2cgen

    path = os.path.join(directory, "model.so")
    tl2cgen.export_lib(model, toolchain="gcc", libpath=path, params={"parallel_comp": 30}, verbose=False)
    predictor = tl2cgen.Predictor(path, nthread=1)
    matrices = [tl2cgen.DMatrix(batch, dtype="float32") for batch in batches]
    nanoseconds = best(lambda matrix: predictor.predict(matrix, pred_margin=True), matrices)
    return nanoseconds, predictor.predict(matrices[0], pred_margin=True).ravel()


def lightgbm_text(trees, width):
    """The same trees in LightGBM's notation: it goes left at `<=`, XGBoost at `<`."""
    texts = []
    for number, tree in enumerate(trees):
        nodes = {node["node_id"]: node for node in tree["nodes"]}
        splits = [node for node in tree["nodes"] if "split_feature_id" in node]
        leaves = [node for node in tree["nodes"] if "leaf_value" in node]
        place = {node["node_id"]: index for index, node in enumerate(splits)}
        place |= {node["node_id"]: -index - 1 for index, node in enumerate(leaves)}
        below = [float(np.nextafter(np.float32(node["threshold"]), np.float32(-math.inf))) for node in splits]

        def line(name, values):
            return f"{name}=" + " ".join(str(value) for value in values)

        texts.append("\n".join([
            f"Tree={number}", f"num_leaves={len(leaves)}", "num_cat=0",
            line("split_feature", [node["split_feature_id"] for node in splits]),
            line("split_gain", [1] * len(splits)),
            line("threshold", [repr(value) for value in below]),
            line("decision_type", [10 if node["default_left"] else 8 for node in splits]),
            line("left_child", [place[node["left_child"]] for node in splits]),
            line("right_child", [place[node["right_child"]] for node in splits]),
            line("leaf_value", [repr(node["leaf_value"]) for node in leaves]),
            line("leaf_weight", [1] * len(leaves)), line("leaf_count", [1] * len(leaves)),
            line("internal_value", [0] * len(splits)), line("internal_weight", [0] * len(splits)),
            line("internal_count", [1] * len(splits)), "is_linear=0", "shrinkage=1", "", "",
        ]))
        assert len(nodes) == len(splits) + len(leaves)
    names = " ".join(f"Column_{index}" for index in range(width))
    head = "\n".join([
        "tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0", f"max_feature_idx={width - 1}",
        "objective=regression", f"feature_names={names}", "feature_infos=" + " ".join(["[-1e300:1e300]"] * width),
        "tree_sizes=" + " ".join(str(len(text)) for text in texts), "", "",
    ])
    return head + "".join(texts) + "end of trees\n\npandas_categorical:[]\n"


def with_lleaves(model, batches, directory):
    import lleaves

    path = os.path.join(directory, "model.txt")
    with open(path, "w") as file:
        file.write(lightgbm_text(json.loads(model.dump_as_json())["trees"], batches[0].shape[1]))
    compiled = lleaves.Model(model_file=path)
    compiled.compile()
    # It takes 64-bit floats; converting them is no part of its work.
    wide = [batch.astype(np.float64) for batch in batches]
    return best(lambda batch: compiled.predict(batch, n_jobs=1), wide), compiled.predict(wide[0], n_jobs=1)


def main():
    # What the libraries say themselves is no result.
    results_file = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    model_path, rows_path, width = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rows = np.fromfile(rows_path, dtype=np.float32).reshape(-1, width)
    batches = [np.ascontiguousarray(rows[at:at + BATCH]) for at in range(0, len(rows) - BATCH + 1, BATCH)]
    model = treelite.frontend.load_xgboost_model(model_path, format_choice="ubjson", allow_unknown_field=True)
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        for name, run in (("tl2cgen", with_tl2cgen), ("lleaves", with_lleaves)):
            nanoseconds, results[name] = run(model, batches, directory)
            print(f"{name} {version(name)}\t{nanoseconds}", file=results_file, flush=True)
    # The same trees, or the figures are of something else. XGBoost's base score is nothing that the trees know.
    difference = results["tl2cgen"] - results["lleaves"]
    assert np.abs(difference - difference.mean()).max() < 1e-3, "the libraries do not agree"


if __name__ == "__main__":
    main()
