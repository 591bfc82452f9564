import Settings

/// What `config/worker.yaml` may say under `http:`.
public struct HTTPSettings: Sendable {
    /// Address that both servers listen on.
    public var host = "127.0.0.1"

    public init() {}
}
