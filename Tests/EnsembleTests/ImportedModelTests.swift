import Events
import Features
import Foundation
import TestSupport
import Testing

@testable import Ensemble

@Suite struct ImportedModelTests {
    /// Two trees: one split on a feature of the schema, and a leaf alone.
    static let lightgbm = """
        tree
        version=v4
        num_class=1
        num_tree_per_iteration=1
        label_index=0
        max_feature_idx=1
        objective=binary sigmoid:2
        feature_names=frequency recency_days
        tree_sizes=200 100

        Tree=0
        num_leaves=3
        num_cat=0
        split_feature=1 0
        threshold=10.5 0.10000000000000001
        decision_type=10 2
        left_child=1 -1
        right_child=-2 -3
        leaf_value=0.5 -0.25 0.125
        is_linear=0
        shrinkage=1

        Tree=1
        num_leaves=1
        num_cat=0
        leaf_value=0.0625
        shrinkage=1

        end of trees

        """

    static let xgboost = """
        {"learner":{"attributes":{},"feature_names":["frequency","recency_days"],"feature_types":["float","float"],
        "gradient_booster":{"model":{"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"2"},
        "iteration_indptr":[0,1,2],"tree_info":[0,0],"trees":[
        {"default_left":[1,0,0],"left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_indices":[1,0,0],
        "split_conditions":[1.05E1,5E-1,-2.5E-1],"split_type":[0,0,0],"tree_param":{"size_leaf_vector":"1"}},
        {"default_left":[0],"left_children":[-1],"right_children":[-1],"split_indices":[0],"split_conditions":[1],
        "split_type":[0],"tree_param":{"size_leaf_vector":"1"}}]},"name":"gbtree"},
        "learner_model_param":{"base_score":"[5E-1]","num_class":"0","num_feature":"2","num_target":"1"},
        "objective":{"name":"binary:logistic"}},"version":[3,2,0]}
        """

    func row(frequency: Float, recency: Float) -> ArraySlice<Float> {
        var row = [Float](repeating: 0, count: FeatureSchema.count)
        row[FeatureSchema(.standard).names.firstIndex(of: "frequency")!] = frequency
        row[FeatureSchema(.standard).names.firstIndex(of: "recency_days")!] = recency
        return row[...]
    }

    func model(_ text: String) throws(ArtifactError) -> ImportedModel { try ImportedModel(Array(text.utf8), path: "m") }

    /// The same document in UBJSON, numbers one by one or as typed arrays of a kind.
    func ubjson(_ value: JSONValue, floats: Character = "d", integers: Character = "L") -> [UInt8] {
        func big(_ value: UInt64, _ width: Int) -> [UInt8] {
            (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64(width - 1 - $0))) }
        }
        func sized(_ text: String) -> [UInt8] { Array("L".utf8) + big(UInt64(text.utf8.count), 8) + Array(text.utf8) }
        func typed(_ type: Character, _ count: Int) -> [UInt8] { Array("[$\(type)#L".utf8) + big(UInt64(count), 8) }
        switch value {
        case .string(let text): return Array("S".utf8) + sized(text)
        case .integer(let value): return Array("L".utf8) + big(UInt64(bitPattern: value), 8)
        case .integers(let values):
            let width = ["L": 8, "l": 4, "I": 2, "i": 1][String(integers)]!
            return typed(integers, values.count) + values.flatMap { big(UInt64(bitPattern: $0), width) }
        case .floats(let values):
            return typed(floats, values.count)
                + values.flatMap { floats == "d" ? big(UInt64($0.bitPattern), 4) : big(Double($0).bitPattern, 8) }
        case .array(let elements):
            return Array("[".utf8) + elements.flatMap { ubjson($0, floats: floats, integers: integers) }
                + Array("]".utf8)
        case .object(let members):
            return Array("{".utf8)
                + members.sorted { $0.key < $1.key }.flatMap {
                    sized($0.key) + ubjson($0.value, floats: floats, integers: integers)
                } + Array("}".utf8)
        default: return Array("Z".utf8)
        }
    }

    @Test func readsBothNotationsAndEveryWidthOfNumber() throws {
        let json = try model(Self.xgboost)
        #expect(json.origin.format == .xgboostJSON && json.origin.version == "3.2.0" && json.notes.isEmpty)
        #expect(json.margin(row(frequency: 1, recency: 10.5)) == 0.75)
        #expect(json.margin(row(frequency: 1, recency: (10.5 as Float).nextDown)) == 1.5)
        #expect(json.margin(row(frequency: 1, recency: .nan)) == 1.5)
        let document = try JSONDocument.parse(Array(Self.xgboost.utf8), path: "m")
        for (floats, integers) in [("d", "L"), ("D", "l"), ("d", "I"), ("D", "i")] as [(Character, Character)] {
            let read = try ImportedModel(ubjson(document, floats: floats, integers: integers), path: "m")
            #expect(read.origin.format == .xgboostUBJSON)
            #expect(read.parts == json.parts)
        }
    }

    @Test func readsLightGBMsText() throws {
        let read = try model(Self.lightgbm)
        #expect(read.name == .lightgbm && read.origin.version == "v4" && read.notes.isEmpty)
        // Leaves are doubled by the objective's sigmoid:2; 0.1 in 64 bits lies below 0.1 in 32.
        #expect(read.margin(row(frequency: 0.1, recency: 10.5)) == 0.375)
        #expect(read.margin(row(frequency: (0.1 as Float).nextDown, recency: 10.5)) == 1.125)
        #expect(read.margin(row(frequency: 1, recency: (10.5 as Float).nextUp)) == -0.375)
        #expect(read.margin(row(frequency: .nan, recency: .nan)) == 1.125)
        #expect(try model(Self.lightgbm.replacing("\n", with: "\r\n")).parts == read.parts)
    }

    @Test func saysLightGBMsComparisonByOurs() {
        var random = SplitMix64(seed: 4)
        let zero = LightGBMModelFile.zeroLimit
        var limits: [Double] = [
            0, -0.0, 1e-36, -1e-36, 1e-35, -1e-35, Double(zero), -Double(zero), 1e300, -1e300, 1e-45,
        ]
        for _ in 0..<2000 {
            let float = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
            if float.isFinite { limits += [Double(float), Double(float).nextUp, Double(float).nextDown] }
        }
        for limit in limits {
            let threshold = LightGBMModelFile.threshold(limit)
            let near = Float(limit)
            for x in [
                near, near.nextUp, near.nextDown, zero, -zero, zero.nextUp, -zero.nextUp, 0, .leastNonzeroMagnitude,
                -.leastNonzeroMagnitude,
            ]
                + [Float.infinity, -.infinity, .greatestFiniteMagnitude, -.greatestFiniteMagnitude]
            {
                let read = abs(x) > zero ? Double(x) : 0
                #expect((x < threshold) == (read <= limit), "\(x) <= \(limit)")
            }
        }
    }

    /// A split that tells only missing values from others: LightGBM writes it with the threshold `inf`.
    @Test func sendsEveryValueLeftOfAnInfiniteThreshold() throws {
        for (decision, missing) in [(8, -0.375), (10, 1.125)] {
            let text = Self.lightgbm.replacing("threshold=10.5 ", with: "threshold=inf ")
                .replacing("decision_type=10 ", with: "decision_type=\(decision) ")
            let read = try model(text)
            for x: Float in [0, .infinity, -.infinity, .greatestFiniteMagnitude] {
                #expect(read.margin(row(frequency: 0, recency: x)) == 1.125)
            }
            #expect(read.margin(row(frequency: 0, recency: .nan)) == missing)
            // Both forms that serve: a row alone, and a block.
            for count in [1, 64] {
                var matrix = FeatureMatrix()
                for index in 0..<count {
                    matrix.append(row: row(frequency: 0, recency: [.nan, -.infinity, .infinity, 3][index % 4]))
                }
                let margins = CompiledForest(read.parts).margins(matrix)
                for index in 0..<count { #expect(Double(margins[0][index]) == read.margin(matrix[index])) }
            }
        }
    }

    @Test func takesTheRoundsUpToTheBestIteration() throws {
        let stopped = Self.xgboost.replacing("\"attributes\":{}", with: "\"attributes\":{\"best_iteration\":\"0\"}")
        let read = try model(stopped)
        #expect(read.parts[0].trees.count == 1)
        #expect(read.notes.contains { $0.contains("best_iteration") })
        #expect(try model(stopped.replacing("\"iteration_indptr\":[0,1,2],", with: "")).parts == read.parts)
        #expect(try model(stopped.replacing("n\":\"0\"", with: "n\":\"1\"")).notes.isEmpty)
        for bad in ["2", "-1", "x", "9223372036854775807"] {
            #expect(throws: ArtifactError.self) { try model(stopped.replacing("n\":\"0\"", with: "n\":\"\(bad)\"")) }
        }
    }

    @Test func surviveTruncationAtEveryByteAndMutation() throws {
        let document = try JSONDocument.parse(Array(Self.xgboost.utf8), path: "m")
        var random = SplitMix64(seed: 6)
        for bytes in [Array(Self.xgboost.utf8), ubjson(document), Array(Self.lightgbm.utf8)] {
            // What is behind the last tree of a text does not matter.
            let needed = bytes.count - (bytes[0] == UInt8(ascii: "t") ? 2 : 0)
            for count in 0..<needed {
                #expect(throws: ArtifactError.self) { try ImportedModel(Array(bytes[..<count]), path: "cut") }
            }
            for _ in 0..<4000 {
                var mutated = bytes
                for _ in 0..<(1 + random.next() % 4) {
                    mutated[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
                }
                // Whatever is read must be safe to walk.
                if let model = try? ImportedModel(mutated, path: "mutated") {
                    _ = CompiledForest(model.parts)
                    _ = model.margin(row(frequency: 1, recency: 2))
                }
            }
        }
    }

    @Test func refusesWithTheReason() {
        let x = Self.xgboost
        let l = Self.lightgbm
        for (text, message) in [
            ("", "is no model file"), ("binf\u{1}", "old binary format"), ("[1]", "is no model file"),
            ("{}", "no learner.gradient_booster"), (x + " 1", "bytes behind its end"),
            (String(repeating: "[", count: 100), "is no model file"),
            ("{\"a\":" + String(repeating: "[", count: 100), "nested deeper"),
            (x.replacing("\"gbtree\"", with: "\"dart\""), "booster must be gbtree, found dart"),
            (x.replacing("binary:logistic", with: "reg:logistic"), "objective must be binary:logistic"),
            (x.replacing("[5E-1]", with: "[5E-1,5E-1]"), "one probability"),
            (x.replacing("[5E-1]", with: "0"), "one probability"),
            (x.replacing("\"num_class\":\"0\"", with: "\"num_class\":\"3\""), "num_class 3"),
            (x.replacing("num_target\":\"1", with: "num_target\":\"2"), "num_target 2"),
            (x.replacing("size_leaf_vector\":\"1", with: "size_leaf_vector\":\"2"), "multi_strategy"),
            (x.replacing("\"split_type\":[0,0,0]", with: "\"split_type\":[1,0,0]"), "categorical splits"),
            (x.replacing("[3,2,0]", with: "[1,6,0]"), "written by XGBoost 1.6.0"),
            (x.replacing("[3,2,0]", with: "[4,0,0]"), "written by XGBoost 4.0.0"),
            (x.replacing("recency_days", with: "recensy_days"), "\"recensy_days\" (nearest: recency_days)"),
            (x.replacing("recency_days", with: "frequency"), "names a feature twice"),
            (x.replacing("[\"frequency\",\"recency_days\"]", with: "[]"), "learned from 2 features without names"),
            (x.replacing("\"left_children\":[1,", with: "\"left_children\":[0,"), "tree 0 is malformed"),
            (x.replacing("\"left_children\":[1,", with: "\"left_children\":[2,"), "tree 0 is malformed"),
            (x.replacing("\"split_indices\":[1,", with: "\"split_indices\":[2,"), "tree 0 is malformed"),
            (x.replacing("1.05E1", with: "Infinity"), "tree 0 is malformed"),
            (l.replacing("version=v4", with: "version=v2"), "must be v3 or v4, found v2"),
            (l.replacing("binary sigmoid:2", with: "regression"), "objective must be binary, found regression"),
            (l.replacing("sigmoid:2", with: "sigmoid:-1"), "objective must be binary"),
            (l.replacing("num_class=1", with: "num_class=3"), "num_class 3"),
            (l.replacing("num_cat=0", with: "num_cat=1"), "tree 0 (line 11) has categorical splits"),
            (l.replacing("decision_type=10 2", with: "decision_type=10 3"), "categorical splits"),
            (l.replacing("decision_type=10 2", with: "decision_type=10 6"), "zero_as_missing"),
            (l.replacing("is_linear=0", with: "is_linear=1"), "linear leaves"),
            (l.replacing("threshold=10.5 ", with: "threshold=nan "), "malformed at split 0"),
            (l.replacing("threshold=10.5 ", with: "threshold="), "must have 2 numbers in threshold"),
            (l.replacing("left_child=1 -1", with: "left_child=0 -1"), "is no tree"),
            (l.replacing("left_child=1 -1", with: "left_child=1 -9"), "malformed at split 1"),
            (l.replacing("leaf_value=0.5", with: "leaf_value=1e300"), "no 32-bit number"),
            (l.replacing("num_leaves=3", with: "num_leaves=9223372036854775807"), "how many leaves"),
            (l.replacing("max_feature_idx=1", with: "max_feature_idx=9223372036854775807"), "how many features"),
            (l.replacing("tree_sizes=200 100", with: "tree_sizes=200"), "says that it has 1"),
            (l.replacing("Tree=1", with: "Tree=2"), "tree 1 is not where it should be"),
            (l.replacing("end of trees", with: ""), "truncated"),
        ] {
            let error = #expect(throws: ArtifactError.self, "\(message)") { try model(text) }
            #expect(error?.reason.contains(message) == true, "\(error?.description ?? "") for \(message)")
        }
        #expect(throws: ArtifactError.self) { try ImportedModel(path: "/dev/zero") }
        #expect(throws: ArtifactError.self) { try ImportedModel(path: "/nowhere/model.json") }
    }

    @Test func anArtifactHoldsOneImportedModelAndRefusesAnother() throws {
        let directory = try TemporaryDirectory()
        let committed = try ModelArtifact(path: Checkout.models).manifest
        for text in [Self.xgboost.replacing("[5E-1]", with: "[3E-1]"), Self.lightgbm] {
            let imported = try model(text)
            var matrix = FeatureMatrix()
            matrix.append(row: row(frequency: 3, recency: 4))
            var scores: [Scores] = []
            var workspace = Ensemble.Workspace(for: imported.ensemble)
            imported.ensemble.score(matrix, into: &scores, workspace: &workspace)
            let golden = Manifest.GoldenRow(
                features: matrix[0].map { Double($0) }, scores: [imported.name.rawValue: scores[0][imported.name]])
            var manifest = Manifest(
                version: "", schema: FeatureSchema(.standard), timeToLiveDays: 730, servingModel: imported.name,
                weights: [:], countries: [],
                history: committed.history, seed: 1, trainedUntil: committed.trainedUntil, trainingExamples: 0,
                settings: [:], madeWith: [:], goldenRows: [golden], files: [:], models: [imported.name],
                origin: imported.origin)
            let writer = ArtifactWriter(directory: directory.path)
            let version = try writer.write(
                .init(imported: imported, results: [], manifest: manifest), versionPrefix: "p")
            let artifact = try ModelArtifact(path: "\(directory.path)/\(version)")
            #expect(artifact.ensemble.models == [imported.name])
            #expect(artifact.manifest.origin?.sha256 == SHA256.digest(Array(text.utf8)))
            manifest.servingModel = .blending
            let error = #expect(throws: ArtifactError.self) {
                try writer.write(.init(imported: imported, results: [], manifest: manifest), versionPrefix: "p")
            }
            #expect(error?.reason.contains("names other models") == true)
        }
    }
}
