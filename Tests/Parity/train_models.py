"""Trains small models with XGBoost and LightGBM and writes what the libraries make of rows, for ImportTests.

    train_models.py matrix DIRECTORY            models of many kinds, with rows, margins and probabilities
    train_models.py fixtures DIRECTORY          a few of them, small: Tests/CommandTests/Fixtures
    train_models.py shop DIRECTORY ROWS.npy     two models on rows that replay wrote
    train_models.py predict MODEL ROWS.npy OUT.npy

DIRECTORY/names.json holds the schema's names. Each model NAME is NAME.json, .ubj or .txt; beside it stand
NAME.rows.npy (float32), NAME.margins.npy (the library's raw margins), NAME.probabilities.npy and NAME.contributions.npy (of
the schema's features, then the base value; NaN for a row that the library cannot explain). What must be refused is
refused_NAME.* alone. Without LightGBM there are XGBoost's models only.
"""

import json
import os
import re
import sys

# Small models: threads would wait for each other more than they would work.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import xgboost as xgb

try:
    import lightgbm as lgb
except ImportError:
    lgb = None

XGBOOST = {"objective": "binary:logistic", "nthread": 1, "seed": 1}
LIGHTGBM = {"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 1, "min_data_in_leaf": 5}


def random_rows(rng, count, width):
    """Rows of very different scales, many zeros, some values missing."""
    scale = 10.0 ** rng.integers(-3, 4, size=width)
    rows = (rng.normal(size=(count, width)) * scale).astype(np.float32)
    rows[:, ::3] = np.round(rows[:, ::3])
    rows[rng.uniform(size=rows.shape) < 0.25] = 0
    rows[rng.uniform(size=rows.shape) < 0.10] = np.nan
    return rows, scale


def labels_of(rng, rows, scale):
    z = np.nan_to_num(rows / scale.astype(np.float32))
    log_odds = z[:, 0] + z[:, 5] * z[:, 7] - (z[:, 9] > 0.3) + np.isnan(rows[:, 11]) - 0.7
    return (rng.uniform(size=len(rows)) < 1 / (1 + np.exp(-log_odds))).astype(np.int32)


# Of the small models alone: few thresholds, and few rows.
is_small = False
SMALL = {"xgb_some": 6, "xgb_stopped_forest": 100, "lgb_some": 8, "lgb_forest": 6}


def nearby_rows(rng, rows, thresholds):
    """Rows on and one 32-bit step either side of thresholds, and rows of special values."""
    most, plain, special = (12, 8, 1) if is_small else (400, 200, 10)
    if len(thresholds) > most:
        thresholds = [thresholds[i] for i in rng.choice(len(thresholds), most, replace=False)]
    found = [rows[:plain]]
    for feature, threshold in thresholds:
        near = np.float32(min(max(threshold, -3e38), 3e38))
        for value in (near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf)), np.nan):
            row = rows[rng.integers(len(rows))].copy()
            row[feature] = value
            found.append(row[None])
    specials = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-35, -1e-35, 1e-36, -1e-36, 2e-35, -2e-35, 1e-45, -1e-45, 3e38, -3e38]
    for value in specials:
        found.append(np.full((1, rows.shape[1]), value, dtype=np.float32))
        for _ in range(special):
            row = rows[rng.integers(len(rows))].copy()
            row[rng.uniform(size=len(row)) < 0.5] = value
            found.append(row[None])
    return np.concatenate(found)


def placed(rows, columns, width):
    """A model's rows where its features stand in the schema; NaN elsewhere."""
    wide = np.full((len(rows), width), np.nan, dtype=np.float32)
    wide[:, columns] = rows
    return wide


class Writer:
    def __init__(self, directory):
        self.directory = directory
        with open(os.path.join(directory, "names.json")) as file:
            self.names = json.load(file)

    def path(self, name):
        return os.path.join(self.directory, name)

    def save(self, name, extension, model, rows, margins, probabilities, contributions, columns):
        model.save_model(self.path(f"{name}.{extension}"))
        np.save(self.path(f"{name}.rows.npy"), placed(rows, columns, len(self.names)))
        np.save(self.path(f"{name}.margins.npy"), margins)
        np.save(self.path(f"{name}.probabilities.npy"), probabilities.astype(np.float64))
        wide = np.zeros((len(rows), len(self.names) + 1))
        wide[:, np.append(columns, len(self.names))] = contributions
        np.save(self.path(f"{name}.contributions.npy"), wide.astype(np.float32) if is_small else wide)


def xgboost_thresholds(model):
    trees = json.loads(bytes(model.save_raw("json")))["learner"]["gradient_booster"]["model"]["trees"]
    return [
        (feature, threshold)
        for tree in trees
        for feature, threshold, left in zip(tree["split_indices"], tree["split_conditions"], tree["left_children"])
        if left != -1
    ]


def lightgbm_thresholds(model):
    text = model.model_to_string()
    features = " ".join(re.findall(r"^split_feature=(.*)$", text, re.M)).split()
    thresholds = " ".join(re.findall(r"^threshold=(.*)$", text, re.M)).split()
    return [(int(feature), float(threshold)) for feature, threshold in zip(features, thresholds)]


def matrix(directory):
    writer = Writer(directory)
    rng = np.random.default_rng(7)
    width = len(writer.names)
    rows, scale = random_rows(rng, 2000, width)
    labels = labels_of(rng, rows, scale)
    everything = np.arange(width)
    some = rng.permutation(np.concatenate([[0, 5, 7, 9, 11], rng.choice(np.arange(12, width), 30, replace=False)]))

    def xgboost(name, extension, rounds, columns=everything, named=True, stopping=None, **parameters):
        if is_small and name not in SMALL:
            return
        rounds = SMALL[name] if is_small else rounds
        names = [writer.names[i] for i in columns] if named else None
        train = xgb.DMatrix(rows[:1400, columns], label=labels[:1400], feature_names=names)
        test = xgb.DMatrix(rows[1400:, columns], label=labels[1400:], feature_names=names)
        model = xgb.train(
            XGBOOST | parameters, train, rounds, evals=[(test, "test")], early_stopping_rounds=stopping, verbose_eval=False)
        range_ = (0, model.best_iteration + 1) if stopping else (0, 0)
        if stopping:
            assert model.best_iteration + 1 < model.num_boosted_rounds()
        found = nearby_rows(rng, rows[:, columns], xgboost_thresholds(model))
        # Not from a DMatrix: those refuse infinities. Contributions have no other way.
        predict = dict(iteration_range=range_, validate_features=False)
        contributions = np.full((len(found), len(columns) + 1), np.nan)
        plain = ~np.isinf(found).any(axis=1)
        contributions[plain] = model.predict(xgb.DMatrix(found[plain]), pred_contribs=True, **predict)
        writer.save(
            name, extension, model, found, model.inplace_predict(found, predict_type="margin", **predict),
            model.inplace_predict(found, predict_type="value", **predict), contributions, columns)

    xgboost("xgb_named", "json", 60, max_depth=4)
    xgboost("xgb_some", "ubj", 40, columns=some, max_depth=6, scale_pos_weight=3, base_score=0.3)
    xgboost("xgb_stopped", "ubj", 300, stopping=3, max_depth=6, eta=0.4)
    xgboost("xgb_stopped_forest", "json", 100, stopping=2, max_depth=6, eta=0.9, num_parallel_tree=3, subsample=0.4)
    xgboost("xgb_forest", "json", 3, named=False, max_depth=5, num_parallel_tree=20, subsample=0.5, colsample_bynode=0.4)
    xgboost("xgb_pruned", "json", 20, max_depth=12, gamma=1.5, tree_method="exact")
    xgboost("xgb_deep", "ubj", 20, max_depth=14, min_child_weight=0.1, eta=0.1)

    if not is_small:
        refused_by_xgboost(writer, rng, rows)
    if lgb is None:
        return

    def lightgbm(name, rounds, columns=everything, named=True, filled=False, average=False, **parameters):
        if is_small and name not in SMALL:
            return
        rounds = SMALL[name] if is_small else rounds
        used = np.nan_to_num(rows[:, columns]) if filled else rows[:, columns]
        names = [writer.names[i] for i in columns] if named else "auto"
        model = lgb.train(LIGHTGBM | parameters, lgb.Dataset(used, label=labels, feature_name=names), rounds)
        found = nearby_rows(rng, rows[:, columns], lightgbm_thresholds(model))
        margins = model.predict(found, raw_score=True) * parameters.get("sigmoid", 1.0)
        contributions = model.predict(found, pred_contrib=True) * parameters.get("sigmoid", 1.0)
        # Raw scores of a forest are sums; its probabilities come from means.
        if average:
            margins = margins / model.num_trees()
            contributions = contributions / model.num_trees()
        writer.save(name, "txt", model, found, margins, model.predict(found), contributions, columns)

    lightgbm("lgb_named", 200, num_leaves=31)
    lightgbm("lgb_some", 150, columns=some, num_leaves=15, sigmoid=0.7, is_unbalance=True)
    lightgbm("lgb_filled", 100, filled=True, named=False, max_depth=5)
    lightgbm("lgb_unused_missing", 60, use_missing=False, num_leaves=12)
    lightgbm("lgb_forest", 60, average=True, boosting="rf", bagging_freq=1, bagging_fraction=0.5, feature_fraction=0.5)
    lightgbm("lgb_dart", 40, boosting="dart")
    lightgbm("lgb_long", 1500, num_leaves=7, learning_rate=0.02)

    if not is_small:
        refused_by_lightgbm(writer, rng, rows)


def fixtures(directory):
    global is_small
    is_small = True
    matrix(directory)


def few_rows(rng, rows):
    """Rows and labels that a category, feature 2, explains."""
    few = rows[:300].copy()
    few[:, 2] = rng.integers(0, 7, size=300)
    target = ((few[:, 2] % 2 == 0) ^ (rng.uniform(size=300) < 0.1)).astype(np.int32)
    return few, target


def refused_by_xgboost(writer, rng, rows):
    few, target = few_rows(rng, rows)
    types = ["q", "q", "c"] + ["q"] * (len(writer.names) - 3)
    data = xgb.DMatrix(few, label=target, feature_names=writer.names, feature_types=types, enable_categorical=True)
    xgb.train(XGBOOST | {"max_depth": 3, "tree_method": "hist", "max_cat_to_onehot": 1}, data, 3).save_model(
        writer.path("refused_categorical.json"))
    data = xgb.DMatrix(few, label=target)
    xgb.train(XGBOOST | {"booster": "dart", "rate_drop": 0.5}, data, 3).save_model(writer.path("refused_dart.json"))
    xgb.train(XGBOOST | {"objective": "reg:squarederror"}, data, 3).save_model(writer.path("refused_squared.ubj"))
    several = xgb.DMatrix(few, label=np.stack([target, 1 - target], axis=1))
    # The other strategy came with 2.0.
    for strategy in ("one_output_per_tree", "multi_output_tree")[: 1 if xgb.__version__.startswith("1.") else 2]:
        xgb.train(XGBOOST | {"multi_strategy": strategy, "tree_method": "hist"}, several, 2).save_model(
            writer.path(f"refused_{strategy}.ubj"))
    xgb.train(XGBOOST, xgb.DMatrix(few[:, :5], label=target), 2).save_model(writer.path("refused_unnamed.ubj"))
    misspelt = ["recensy_days"] + writer.names[1:]
    xgb.train(XGBOOST, xgb.DMatrix(few, label=target, feature_names=misspelt), 2).save_model(
        writer.path("refused_misspelt.json"))


def refused_by_lightgbm(writer, rng, rows):
    few, target = few_rows(rng, rows)

    def refused(name, **parameters):
        data = lgb.Dataset(few, label=parameters.pop("label", target), categorical_feature=parameters.pop("categories", []),
                           params={"verbose": -1, **{k: v for k, v in parameters.items() if k == "linear_tree"}})
        lgb.train(LIGHTGBM | parameters, data, 3).save_model(writer.path(f"refused_{name}.txt"))

    refused("lgb_categorical", categories=[2])
    refused("lgb_linear", linear_tree=True)
    refused("lgb_zero", zero_as_missing=True)
    refused("lgb_multiclass", objective="multiclass", num_class=3, label=rng.integers(0, 3, size=300))
    refused("lgb_regression", objective="regression")


def shop(directory, path):
    writer = Writer(directory)
    rows = np.load(path)
    rng = np.random.default_rng(3)
    log_odds = np.nan_to_num(rows[:, 6]) * 0.3 - np.nan_to_num(rows[:, 0]) * 0.02
    labels = (rng.uniform(size=len(rows)) < 1 / (1 + np.exp(-log_odds))).astype(np.int32)
    data = xgb.DMatrix(rows, label=labels, feature_names=writer.names)
    xgb.train(XGBOOST | {"max_depth": 4}, data, 30).save_model(writer.path("shop.json"))
    data = lgb.Dataset(rows, label=labels, feature_name=writer.names)
    lgb.train(LIGHTGBM | {"num_leaves": 15}, data, 30).save_model(writer.path("shop.txt"))


def predict(model, path, out):
    rows = np.load(path)
    if model.endswith(".txt"):
        np.save(out, lgb.Booster(model_file=model).predict(rows))
    else:
        booster = xgb.Booster(model_file=model)
        np.save(out, booster.inplace_predict(rows, validate_features=False).astype(np.float64))


if __name__ == "__main__":
    {"matrix": matrix, "fixtures": fixtures, "shop": shop, "predict": predict}[sys.argv[1]](*sys.argv[2:])
    print(f"xgboost {xgb.__version__}" + (f", lightgbm {lgb.__version__}" if lgb else ""))
