import Events
import Features

/// Reads XGBoost model files, as `Booster.save_model` writes them to `model.json` and `model.ubj`.
///
/// Limits: booster `gbtree`, objective `binary:logistic`, numerical splits, one output.
package enum XGBoostModelFile {
    /// Parses a UBJSON model file.
    /// - Throws: `ArtifactError` naming what is wrong or not supported. No file can make the model read out of bounds or walk
    ///   in circles.
    package static func parse(
        _ bytes: [UInt8], schema: FeatureSchema = FeatureSchema(.standard), path: String
    ) throws(ArtifactError) -> TreeModel {
        try read(UBJSON.parse(bytes, path: path), schema: schema, path: path).model
    }

    /// A parsed file.
    struct Content {
        let model: TreeModel
        let features: FeatureMatch
        /// The library's version; empty where the file has none.
        let version: [Int64]
        /// Probability that predictions start from.
        let baseScore: Float
        /// Boosting rounds that count, and those that the file has, where early stopping tells them apart.
        let rounds: (taken: Int, all: Int)?
    }

    /// Reads a model from a parsed document, of JSON or UBJSON.
    /// - Parameter baseMargin: the base score's log-odds, where an artifact records them.
    static func read(
        _ document: JSONValue, schema: FeatureSchema, path: String, baseMargin: Float? = nil
    ) throws(ArtifactError) -> Content {
        func refuse(_ reason: String) -> ArtifactError { ArtifactError(path: path, reason: reason) }
        guard let learner = document["learner"], let booster = learner["gradient_booster"] else {
            throw refuse("is no XGBoost model: no learner.gradient_booster")
        }
        guard let name = booster["name"]?.text, name == "gbtree" else {
            throw refuse("booster must be gbtree, found \(booster["name"]?.text ?? "none")")
        }
        guard let objective = learner["objective"]?["name"]?.text, objective == "binary:logistic" else {
            throw refuse("objective must be binary:logistic, found \(learner["objective"]?["name"]?.text ?? "none")")
        }
        let parameters = learner["learner_model_param"]
        for (key, single) in [("num_target", ["1"]), ("num_class", ["0", "1"])] {
            if let found = parameters?[key]?.text, !single.contains(found) {
                throw refuse("must have one output, found \(key) \(found)")
            }
        }
        guard let base = parameters?["base_score"]?.text.flatMap({ probability($0) }) else {
            throw refuse("base_score must be one probability between 0 and 1")
        }
        let features = try FeatureMatch(
            names: learner["feature_names"]?.elements?.map { $0.text ?? "" } ?? [],
            count: parameters?["num_feature"]?.text.flatMap { Int($0) }, schema: schema, path: path)
        guard let documents = booster["model"]?["trees"]?.elements, !documents.isEmpty else {
            throw refuse("has no trees")
        }
        if let outputs = booster["model"]?["tree_info"]?.integers, outputs.contains(where: { $0 != 0 }) {
            throw refuse("must have one output, its trees have several")
        }
        var trees: [TreeModel.Tree] = []
        for (index, document) in documents.enumerated() {
            if let size = document["tree_param"]?["size_leaf_vector"]?.text, !["0", "1"].contains(size) {
                throw refuse(
                    "tree \(index) has leaves of \(size) numbers: train with multi_strategy one_output_per_tree")
            }
            if let types = document["split_type"]?.integers, types.contains(where: { $0 != 0 }) {
                throw refuse(
                    "tree \(index) has categorical splits: all features are numbers, train without enable_categorical")
            }
            guard let covers = covers(document) else {
                throw refuse("tree \(index) has covers (sum_hessian) that are not one number from 0 on for each node")
            }
            guard let tree = tree(document, features, covers) else { throw refuse("tree \(index) is malformed") }
            trees.append(tree)
        }
        let rounds = try rounds(learner, booster, trees: trees.count, path: path)
        if let rounds { trees = Array(trees[..<rounds.trees]) }
        try TreeModel.check(trees, path: path)
        return Content(
            model: TreeModel(trees: trees, baseMargin: baseMargin ?? margin(base)), features: features,
            version: document["version"]?.integers ?? [], baseScore: base,
            rounds: rounds.map { ($0.taken, $0.all) })
    }

    /// A base score: `5E-1`, or `[5E-1]` since 3.1.
    private static func probability(_ text: String) -> Float? {
        let isVector = text.hasPrefix("[") && text.hasSuffix("]") && text.utf8.count > 1
        guard let value = Float(isVector ? text.dropFirst().dropLast() : text[...]), value > 0, value < 1 else {
            return nil
        }
        return value
    }

    /// Log-odds as libxgboost takes them from a base score, in 32-bit floats, but for its logarithm.
    private static func margin(_ base: Float) -> Float {
        base == 0.5 ? 0 : -Float(Elementary.log(Double(1 / base - 1)))
    }

    /// The rounds up to the best one, where early stopping recorded it: `XGBClassifier` predicts by these.
    private static func rounds(
        _ learner: JSONValue, _ booster: JSONValue, trees: Int, path: String
    ) throws(ArtifactError) -> (taken: Int, all: Int, trees: Int)? {
        guard let text = learner["attributes"]?["best_iteration"]?.text else { return nil }
        func refuse() -> ArtifactError {
            ArtifactError(
                path: path,
                reason: "best_iteration is \(String(reflecting: text)), which is no round of its \(trees) trees")
        }
        guard let best = Int(text), best >= 0, best < trees else { throw refuse() }
        if let starts = booster["model"]?["iteration_indptr"]?.integers, !starts.isEmpty {
            guard best + 1 < starts.count, let end = Int(exactly: starts[best + 1]), (1...trees).contains(end) else {
                throw refuse()
            }
            return (best + 1, starts.count - 1, end)
        }
        let each = booster["model"]?["gbtree_model_param"]?["num_parallel_tree"]?.text.flatMap { Int($0) } ?? 1
        guard (1...trees).contains(each), (best + 1) * each <= trees else {
            throw refuse()
        }
        return (best + 1, trees / each, (best + 1) * each)
    }

    /// A tree's covers, empty if it has none; `nil` if they are malformed.
    private static func covers(_ document: JSONValue) -> [Float]? {
        guard let member = document["sum_hessian"] else { return [] }
        guard let covers = member.floats, covers.count == document["left_children"]?.integers?.count,
            covers.allSatisfy({ $0 >= 0 && $0.isFinite })
        else { return nil }
        return covers
    }

    private static func tree(
        _ document: JSONValue, _ match: FeatureMatch, _ covers: [Float]
    ) -> TreeModel.Tree? {
        guard let left = document["left_children"]?.integers, let right = document["right_children"]?.integers,
            let features = document["split_indices"]?.integers, let conditions = document["split_conditions"]?.floats,
            let missing = document["default_left"]?.integers,
            [right.count, features.count, conditions.count, missing.count].allSatisfy({ $0 == left.count })
        else { return nil }
        var nodes: [TreeModel.Node] = []
        nodes.reserveCapacity(left.count)
        for index in left.indices {
            let isLeaf = left[index] == -1
            guard conditions[index].isFinite, let feature = isLeaf ? -1 : match.place(features[index]),
                let leftChild = isLeaf ? -1 : Int32(exactly: left[index]),
                let rightChild = isLeaf ? -1 : Int32(exactly: right[index])
            else { return nil }
            nodes.append(
                TreeModel.Node(
                    feature: feature, threshold: conditions[index], left: leftChild, right: rightChild,
                    missingGoesLeft: missing[index] != 0, cover: covers.isEmpty ? nil : covers[index]))
        }
        return TreeModel.Tree(unchecked: nodes)
    }
}
