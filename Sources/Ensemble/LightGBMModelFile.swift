import Features

/// Reads LightGBM model files, the text that `Booster.save_model` writes: `key=value` lines, a header, then a block for
/// each tree, then `end of trees`.
///
/// Limits: format v3 or v4, objective `binary`, numerical splits, constant leaves, no `zero_as_missing`. Boosting `gbdt`,
/// `dart`, `goss` and `rf` write the same trees; those of `rf` are averaged.
enum LightGBMModelFile {
    struct Content {
        /// The model in parts of 64 trees. Leaf values are 64-bit in the file and rounded to 32; parts are added in 64 bits,
        /// so that the rounding error of a sum does not grow with the number of trees.
        let parts: [TreeModel]
        let features: FeatureMatch
        /// The format's version.
        let version: String
    }

    static let treesOfPart = 64
    /// LightGBM treats values this close to zero as zero when it predicts (`kZeroThreshold`).
    static let zeroLimit: Float = 1e-35

    private typealias Block = [Substring: Substring]

    /// - Throws: `ArtifactError` naming what is wrong or not supported, and its line. No file can make the model read out of
    ///   bounds or walk in circles.
    static func parse(_ bytes: [UInt8], schema: FeatureSchema, path: String) throws(ArtifactError) -> Content {
        func refuse(_ reason: String) -> ArtifactError { ArtifactError(path: path, reason: reason) }
        let (header, blocks) = try split(bytes, path: path)
        let version = header["version"].map { String($0) } ?? "none"
        guard ["v3", "v4"].contains(version) else {
            throw refuse("LightGBM's model format must be v3 or v4, found \(version)")
        }
        for key in ["num_class", "num_tree_per_iteration"] where header[key[...]] != "1" {
            throw refuse("must have one output, found \(key) \(header[key[...]] ?? "none")")
        }
        let objective = (header["objective"] ?? "none").split(separator: " ")
        let options = objective.dropFirst().map { $0.split(separator: ":", maxSplits: 1) }
        guard objective.first == "binary", options.allSatisfy({ $0.first == "sigmoid" && $0.count == 2 }),
            let slope = options.isEmpty ? 1 : Double(options[0][1]), options.count <= 1, slope > 0, slope.isFinite
        else { throw refuse("objective must be binary, found \(header["objective"] ?? "none")") }
        let features = try FeatureMatch(
            names: (header["feature_names"] ?? "").split(separator: " ").map { String($0) },
            count: header["max_feature_idx"].flatMap { Int($0) }.flatMap { $0 < Int.max ? $0 + 1 : nil },
            schema: schema, path: path)
        guard !blocks.isEmpty else { throw refuse("has no trees") }
        if let sizes = header["tree_sizes"]?.split(separator: " "), sizes.count != blocks.count {
            throw refuse("has \(blocks.count) trees and says that it has \(sizes.count)")
        }
        let scale = header["average_output"] == nil ? slope : slope / Double(blocks.count)
        var trees: [TreeModel.Tree] = []
        for (index, block) in blocks.enumerated() {
            do {
                trees.append(try tree(block.lines, features, scale: scale))
            } catch {
                throw refuse("tree \(index) (line \(block.line)) \(error.what)")
            }
        }
        try TreeModel.check(trees, path: path)
        let parts = stride(from: 0, to: trees.count, by: treesOfPart).map { first in
            TreeModel(trees: Array(trees[first...].prefix(treesOfPart)), baseMargin: 0)
        }
        return Content(parts: parts, features: features, version: version)
    }

    /// The header, and the trees with the line on which each begins.
    private static func split(
        _ bytes: [UInt8], path: String
    ) throws(ArtifactError) -> (header: Block, trees: [(line: Int, lines: Block)]) {
        var header: Block = [:]
        var trees: [(line: Int, lines: Block)] = []
        for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let text = Substring(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
            if text == "end of trees" { return (header, trees) }
            if text.isEmpty { continue }
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? parts[1] : ""
            if parts[0] == "Tree" {
                guard value == "\(trees.count)" else {
                    throw ArtifactError(
                        path: path, reason: "line \(index + 1): tree \(trees.count) is not where it should be")
                }
                trees.append((index + 1, [:]))
            } else if trees.isEmpty {
                header[parts[0]] = value
            } else {
                trees[trees.count - 1].lines[parts[0]] = value
            }
        }
        throw ArtifactError(path: path, reason: "has no \"end of trees\": the file is truncated")
    }

    private struct Refusal: Error { let what: String }

    private static func tree(
        _ block: Block, _ match: FeatureMatch, scale: Double
    ) throws(Refusal) -> TreeModel.Tree {
        let columns = try Columns(block)
        var nodes: [TreeModel.Node] = []
        nodes.reserveCapacity(columns.splits + columns.leaves)
        for index in 0..<columns.splits { nodes.append(try columns.split(index, match)) }
        for (value, cover) in zip(columns.leafValues, columns.leafCovers) {
            let value = Float(value * scale)
            guard value.isFinite else { throw Refusal(what: "has a leaf that is no 32-bit number") }
            nodes.append(
                TreeModel.Node(
                    feature: -1, threshold: value, left: -1, right: -1, missingGoesLeft: false, cover: cover))
        }
        guard let tree = TreeModel.Tree(unchecked: nodes) else { throw Refusal(what: "is no tree") }
        return tree
    }

    /// The columns of one tree's block: an entry a split, or an entry a leaf.
    private struct Columns {
        let splits: Int
        let leaves: Int
        let leafValues: [Double]
        /// LightGBM's counts of rows; `nil` where the file has none.
        let leafCovers: [Float?]
        private let features: [Int64]
        private let thresholds: [Double]
        private let decisions: [UInt8]
        private let left: [Int32]
        private let right: [Int32]
        private let splitCovers: [Float?]

        init(_ block: Block) throws(Refusal) {
            if let linear = block["is_linear"], linear != "0" {
                throw Refusal(what: "has linear leaves, which are not supported: train without linear_tree")
            }
            if let categorical = block["num_cat"], categorical != "0" { throw Refusal(what: categoricalSplits) }
            guard let leaves = block["num_leaves"].flatMap({ Int($0) }), (1..<TreeWalk.nodeLimit).contains(leaves)
            else {
                throw Refusal(what: "does not say how many leaves it has")
            }
            let splits = leaves - 1
            leafValues = try Self.numbers(block, "leaf_value", leaves)
            features = try Self.numbers(block, "split_feature", splits)
            thresholds = try Self.numbers(block, "threshold", splits)
            decisions = try Self.numbers(block, "decision_type", splits)
            left = try Self.numbers(block, "left_child", splits)
            right = try Self.numbers(block, "right_child", splits)
            splitCovers = try Self.covers(block, "internal_count", splits)
            leafCovers = try Self.covers(block, "leaf_count", leaves)
            (self.splits, self.leaves) = (splits, leaves)
        }

        private static func numbers<Number: LosslessStringConvertible>(
            _ block: Block, _ key: String, _ count: Int
        ) throws(Refusal) -> [Number] {
            let texts = (block[key[...]] ?? "").split(separator: " ")
            let values = texts.compactMap { Number(String($0)) }
            guard values.count == count, texts.count == count else {
                throw Refusal(what: "must have \(count) numbers in \(key)")
            }
            return values
        }

        private static func covers(_ block: Block, _ key: String, _ count: Int) throws(Refusal) -> [Float?] {
            guard block[key[...]] != nil else { return [Float?](repeating: nil, count: count) }
            let covers: [Float] = try numbers(block, key, count)
            guard covers.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
                throw Refusal(what: "has numbers of rows in \(key) that are none")
            }
            return covers
        }

        /// A split as a node of the tree, in which the splits come first and the leaves after them.
        func split(_ index: Int, _ match: FeatureMatch) throws(Refusal) -> TreeModel.Node {
            let decision = decisions[index]
            guard decision & 1 == 0 else { throw Refusal(what: categoricalSplits) }
            let missing = decision >> 2 & 3
            guard missing == 0 || missing == 2 else {
                throw Refusal(what: "takes zeros for missing, which is not supported: train without zero_as_missing")
            }
            let limit = thresholds[index]
            guard !limit.isNaN, let feature = match.place(features[index]), let leftChild = node(left[index]),
                let rightChild = node(right[index])
            else { throw Refusal(what: "is malformed at split \(index)") }
            // Where the file gives no direction, a missing value counts as 0.
            let missingGoesLeft = missing == 2 ? decision & 2 != 0 : limit >= 0
            // At +infinity every value goes left: the same as every value going right at −infinity, children exchanged.
            let isExchanged = limit == .infinity
            return TreeModel.Node(
                feature: feature, threshold: isExchanged ? -.infinity : threshold(limit),
                left: isExchanged ? rightChild : leftChild, right: isExchanged ? leftChild : rightChild,
                missingGoesLeft: missingGoesLeft != isExchanged, cover: splitCovers[index])
        }

        /// The node of a child: a split's number, or the complement of a leaf's.
        private func node(_ child: Int32) -> Int32? {
            if child >= 0 { return child < splits ? child : nil }
            return ~child < leaves ? Int32(splits) + ~child : nil
        }
    }

    private static let categoricalSplits = "has categorical splits: all features are numbers, name none as categorical"

    /// The t for which x < t, with x a 32-bit float, equals LightGBM's x ≤ `limit`: the float after the largest one that is
    /// not above the limit; around zero, the end of the range that LightGBM treats as zero.
    static func threshold(_ limit: Double) -> Float {
        let zero = Double(zeroLimit)
        if limit >= 0 && limit < zero { return zeroLimit.nextUp }
        if limit < 0 && limit >= -zero { return -zeroLimit }
        var last = Float(limit)
        if Double(last) > limit { last = last.nextDown }
        return last.nextUp
    }
}
