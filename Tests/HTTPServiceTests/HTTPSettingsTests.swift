import HTTPService
import Settings
import TestSupport
import Testing

@Suite struct HTTPSettingsTests {
    func read(_ yaml: String) throws -> HTTPSettings {
        let reader = ConfigurationReader(try ConfigurationTree(yaml: yaml, name: "worker.yaml"))
        let settings = HTTPSettings(reader.section("http"))
        try reader.finish()
        return settings
    }

    func problem(_ yaml: String) -> String {
        do {
            _ = try read(yaml)
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test func unlessToldOtherwiseOnlyThisMachineCanAsk() { #expect(HTTPSettings().host == "127.0.0.1") }

    @Test func theCommittedFileSaysTheDefaults() throws {
        let path = Checkout.root.appendingPathComponent("config/worker.yaml").path
        let reader = ConfigurationReader(try ConfigurationTree(files: [path], environment: [:], overrides: []))
        #expect(HTTPSettings(reader.section("http")) == HTTPSettings())
        #expect(try read("") == HTTPSettings())
    }

    @Test func strangersNeedATokenOrALeave() throws {
        #expect(problem("http: {host: 0.0.0.0}").contains("set a token"))
        #expect(problem("http: {host: 10.0.0.7}").contains("http.allow_anonymous: true"))
        #expect(try read("http: {host: 0.0.0.0, token: abc}").token == "abc")
        #expect(try read("http: {host: 0.0.0.0, allow_anonymous: true}").host == "0.0.0.0")
        #expect(try read("http: {host: 0.0.0.0, enabled: false}").isEnabled == false)
    }

    @Test func whatCannotBeIsRefused() {
        #expect(problem("http: {port: 0}").contains("from 1 to 65535"))
        #expect(problem("http: {port: 8501}").contains("give each its own"))
        #expect(problem("http: {token: 'a b'}").contains("visible ASCII"))
        #expect(problem("http: {host: ''}").contains("must be an address"))
        #expect(problem("http: {prot: 1}").contains("did you mean 'http.port'?"))
    }

    @Test func noDashboardIsPortNought() throws { #expect(try read("http: {dashboard_port: 0}").dashboardPort == nil) }

    @Test func whoDoesNotServeLeavesTheSectionAlone() throws {
        let reader = ConfigurationReader(
            try ConfigurationTree(
                yaml: "http: {anything: 1}", name: "worker.yaml", environment: ["FUTURE_CART_HTTP_PORT": "1"],
                overrides: ["http.host=x"]))
        reader.leave("http")
        try reader.finish()
    }
}
