import Events
import Features

/// Reads XGBoost model files in UBJSON, as `Booster.save_model("model.ubj")` writes them.
///
/// Limits: booster `gbtree`, objective `binary:logistic`, numerical splits.
public enum XGBoostModelFile {
    /// - Throws: `ArtifactError` naming what is not as it must be; nothing in the file can make the model read out of
    ///   bounds or walk in circles.
    public static func parse(_ bytes: [UInt8], path: String) throws(ArtifactError) -> TreeModel {
        let document = try UBJSON.parse(bytes, path: path)
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
        guard let parameters = learner["learner_model_param"],
            let baseText = parameters["base_score"]?.text, let base = Double(baseText), base > 0, base < 1
        else { throw refuse("base_score must be a probability between 0 and 1") }
        guard let features = parameters["num_feature"]?.text.flatMap({ Int($0) }), features == FeatureSchema.count
        else {
            throw refuse(
                "learned from \(parameters["num_feature"]?.text ?? "?") features, the schema has \(FeatureSchema.count)"
            )
        }
        guard let documents = booster["model"]?["trees"]?.elements, !documents.isEmpty else {
            throw refuse("has no trees")
        }
        var trees: [TreeModel.Tree] = []
        for (index, document) in documents.enumerated() {
            guard let tree = tree(document) else {
                throw refuse("tree \(index) is malformed or has categorical splits")
            }
            trees.append(tree)
        }
        guard trees.reduce(0, { $0 + $1.nodes.count }) < TreeWalk.nodeLimit else {
            throw refuse("has \(TreeWalk.nodeLimit) nodes or more")
        }
        guard trees.allSatisfy({ $0.depth <= 255 }) else { throw refuse("has a tree deeper than 255 levels") }
        return TreeModel(trees: trees, baseMargin: base == 0.5 ? 0 : Float(Elementary.logit(base)))
    }

    private static func tree(_ document: UBJSON) -> TreeModel.Tree? {
        guard let left = document["left_children"]?.integers, let right = document["right_children"]?.integers,
            let features = document["split_indices"]?.integers, let conditions = document["split_conditions"]?.floats,
            let missing = document["default_left"]?.integers, !left.isEmpty,
            [right.count, features.count, conditions.count, missing.count].allSatisfy({ $0 == left.count })
        else { return nil }
        if let types = document["split_type"]?.integers, types.contains(where: { $0 != 0 }) { return nil }
        let count = Int32(left.count)
        var parents = [Int](repeating: 0, count: left.count)
        var nodes: [TreeModel.Node] = []
        for index in left.indices {
            let isLeaf = left[index] == -1
            if isLeaf {
                guard conditions[index].isFinite else { return nil }
            } else {
                guard (0..<count).contains(left[index]), (0..<count).contains(right[index]), conditions[index].isFinite,
                    (0..<Int32(FeatureSchema.count)).contains(features[index])
                else { return nil }
                parents[Int(left[index])] += 1
                parents[Int(right[index])] += 1
            }
            nodes.append(
                TreeModel.Node(
                    feature: isLeaf ? -1 : features[index], threshold: conditions[index], left: left[index],
                    right: right[index], missingGoesLeft: missing[index] != 0))
        }
        // Every node but the root has one parent, and the root none: whatever the root reaches is a tree.
        guard parents[0] == 0, parents.allSatisfy({ $0 <= 1 }) else { return nil }
        return TreeModel.Tree(nodes: nodes)
    }
}
