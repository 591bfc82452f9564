import Ensemble
import Features
import Testing

@testable import Monitoring

/// Predictions for comparison only.
@Suite struct LabelJoinShadowTests {
    /// Who stays when there are too many predictions does not depend on models that score beside the one in service.
    @Test func predictionsForComparisonCountForNoLimit() {
        let names = ["served", "other"].map {
            LabelJoin.Version(
                version: $0, servingModel: .blending, models: ModelName.allCases, isShadow: $0 == "other")
        }
        func run(_ members: Int) -> (share: Double, served: Int, shadows: Int) {
            var labelJoin = LabelJoin(horizon: .standard, windowDays: 100_000, limit: 3000)
            labelJoin.use(Array(names.prefix(members)))
            var batch = LabelJoin.Batch()
            for offset in Int64(0)..<20_000 {
                let (customer, time) = (UInt64(offset) &* 0x9E37_79B9_7F4A_7C15, offset * 60_000)
                labelJoin.begin(&batch)
                batch.append(
                    LabelJoin.Event(
                        customerHash: customer, invoiceHash: 7, time: time, clock: time, isPurchase: true,
                        scores: Scores(), offset: offset))
                if members > 1 {
                    batch.append(
                        LabelJoin.Event(
                            besideEventOf: customer, invoiceHash: 7, clock: time, scores: Scores(), offset: offset,
                            line: 0, member: 1, slices: 0))
                }
                labelJoin.join(batch) { _, _, _ in }
            }
            let predictions = Array(labelJoin.evaluationSnapshot.predictions)
            let shadows = predictions.count { labelJoin.versions[Int($0.version)].isShadow }
            #expect(labelJoin.progress.shadows == shadows)
            return (labelJoin.sampledShare, predictions.count - shadows, shadows)
        }
        let (alone, beside) = (run(1), run(2))
        #expect(alone.share < 0.5 && alone.share == beside.share)
        #expect(alone.served == beside.served && beside.shadows == beside.served && alone.shadows == 0)
    }
}
