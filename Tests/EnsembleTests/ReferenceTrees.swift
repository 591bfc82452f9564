@testable import Ensemble

/// The slow, obvious way to evaluate trees, node by node, which the forms that serve must equal bit for bit.
extension TreeModel {
    /// Log-odds of one row.
    func margin(_ row: ArraySlice<Float>) -> Float { trees.reduce(baseMargin) { $0 + $1.leafValue(row) } }
}

extension TreeModel.Tree {
    /// The value of the leaf that a row reaches.
    func leafValue(_ row: ArraySlice<Float>) -> Float {
        var node = nodes[0]
        while !node.isLeaf {
            let value = row[row.startIndex + Int(node.feature)]
            let goesLeft = value.isNaN ? node.missingGoesLeft : value < node.threshold
            node = nodes[Int(goesLeft ? node.left : node.right)]
        }
        return node.threshold
    }
}

extension ImportedModel {
    /// Log-odds of one row: its parts' margins, added in 64-bit floats.
    func margin(_ row: ArraySlice<Float>) -> Double { parts.reduce(0) { $0 + Double($1.margin(row)) } }
}
