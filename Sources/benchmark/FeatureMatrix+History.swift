import Customers
import Ensemble
import Events
import Features

extension FeatureMatrix {
    /// Feature rows spread over a whole history, or over that of a generated shop.
    init(history: String?, rows: Int, _ artifact: ModelArtifact) throws {
        let messages = try Messages(history: history)
        let decoder = EventDecoder()
        let extractor = artifact.makeExtractor()
        var table = CustomerTable()
        self.init(reservingRows: rows)
        let step = max(1, messages.ends.count / rows)
        var ordinal = 0
        try messages.each { message in
            let event = try decoder.event(in: message)
            if event.isAnonymous { return }
            let customer = table.update(event)
            ordinal += 1
            if ordinal % step == 0, rowCount < rows {
                extractor.append(table.states[customer], to: &self)
            }
        }
    }
}
