import CCurl
import Foundation

/// One request over HTTP, by libcurl. It takes as long as the server does, so it belongs on a thread that may wait.
struct HTTPRequest {
    let url: String
    /// JSON to be posted; `nil` to get.
    var body: [UInt8]?
    let settings: RegistrySettings

    /// A server's answer.
    struct Answer {
        let status: Int
        let body: [UInt8]
    }

    /// The longest answer that is read.
    private static let longestAnswer = 8 << 20
    private static let initialized: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// What the transfer writes into.
    private final class Received {
        var bytes: [UInt8] = []
    }

    /// - Throws: `RequestFailure` when there is no answer.
    func send() throws(RequestFailure) -> Answer {
        guard Self.initialized, let handle = curl_easy_init() else { throw RequestFailure("libcurl cannot be started") }
        defer { curl_easy_cleanup(handle) }
        let received = Received()
        var headers = curl_slist_append(nil, "Accept: application/vnd.schemaregistry.v1+json, application/json")
        if body != nil { headers = curl_slist_append(headers, "Content-Type: application/vnd.schemaregistry.v1+json") }
        if !settings.token.isEmpty {
            headers = curl_slist_append(headers, "Authorization: Bearer \(settings.token)")
        }
        defer { curl_slist_free_all(headers) }
        set(handle, headers)
        _ = cc_set_writer(
            handle,
            { bytes, size, count, context in
                let received = Unmanaged<Received>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
                guard received.bytes.count + size * count <= HTTPRequest.longestAnswer else { return 0 }
                received.bytes.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: size * count))
                return size * count
            }, Unmanaged.passUnretained(received).toOpaque())
        let code = (body ?? []).withUnsafeBufferPointer { bytes -> CURLcode in
            if body != nil {
                _ = cc_set_number(handle, CURLOPT_POSTFIELDSIZE, bytes.count)
                _ = bytes.withMemoryRebound(to: CChar.self) {
                    cc_set_text(handle, CURLOPT_POSTFIELDS, $0.baseAddress)
                }
            }
            return curl_easy_perform(handle)
        }
        guard code == CURLE_OK else {
            let reason = String(cString: curl_easy_strerror(code))
            throw RequestFailure(received.bytes.isEmpty ? reason : "\(reason) in the middle of the answer")
        }
        return Answer(status: cc_response_code(handle), body: received.bytes)
    }

    private func set(_ handle: UnsafeMutableRawPointer, _ headers: UnsafeMutablePointer<curl_slist>?) {
        _ = cc_set_text(handle, CURLOPT_URL, url)
        _ = cc_set_list(handle, CURLOPT_HTTPHEADER, headers)
        _ = cc_set_text(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        _ = cc_set_number(handle, CURLOPT_NOSIGNAL, 1)
        _ = cc_set_number(handle, CURLOPT_TIMEOUT_MS, settings.timeoutMilliseconds)
        _ = cc_set_number(handle, CURLOPT_CONNECTTIMEOUT_MS, settings.timeoutMilliseconds)
        func text(_ option: CURLoption, _ value: String) {
            if !value.isEmpty { _ = cc_set_text(handle, option, value) }
        }
        text(CURLOPT_CAINFO, settings.caFile)
        text(CURLOPT_SSLCERT, settings.certificateFile)
        text(CURLOPT_SSLKEY, settings.keyFile)
        text(CURLOPT_KEYPASSWD, settings.keyPassword)
        if !settings.user.isEmpty {
            _ = cc_set_text(handle, CURLOPT_USERNAME, settings.user)
            _ = cc_set_text(handle, CURLOPT_PASSWORD, settings.password)
        }
    }
}

/// Why a server has given no answer.
struct RequestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
