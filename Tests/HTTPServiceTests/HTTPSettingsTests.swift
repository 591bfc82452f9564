import HTTPService
import Testing

@Suite struct HTTPSettingsTests {
    @Test func unlessToldOtherwiseOnlyThisMachineCanAsk() { #expect(HTTPSettings().host == "127.0.0.1") }
}
