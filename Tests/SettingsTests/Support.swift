@testable import Settings

/// A reader over layers in hand; the file is called `worker.yaml`.
func reader(
    _ yaml: String = "",
    environment: [String: String] = [:],
    overrides: [String] = [],
    ignoring: Set<String> = []
) throws -> ConfigurationReader {
    let tree = try ConfigurationTree(
        yaml: yaml, name: "worker.yaml", environment: environment, overrides: overrides, ignoring: ignoring)
    return ConfigurationReader(tree)
}

/// The problems that `finish()` throws, one a line.
func problems(_ reader: ConfigurationReader) -> [String] {
    do {
        try reader.finish()
        return []
    } catch {
        return error.problems.map(\.description)
    }
}

/// What the layers themselves are refused for.
func refusal(_ yaml: String, overrides: [String] = []) -> String? {
    do {
        _ = try ConfigurationTree(yaml: yaml, name: "worker.yaml", overrides: overrides)
        return nil
    } catch {
        return error.description
    }
}
