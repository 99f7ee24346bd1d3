import Testing

/// A line of `option tcplog`, taken apart.
struct LoggedSession {
    let client: String
    let clientPort: Int
    let frontend: String
    let backend: String
    let server: String
    let queueTime: Int
    let connectTime: Int
    let totalTime: Int
    let bytes: Int
    let flags: String
    let counts: [Int]
    let retries: String
    let queue: [Int]

    /// Reads `line`, frame and newline included; the test fails when a field does not have HAProxy's form.
    init(_ line: String) throws {
        let pattern =
            /<134>[A-Z][a-z]{2} [ 1-3][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} haproxy\[[0-9]+\]: (\S+):([0-9]+) \[[0-9]{2}\/[A-Z][a-z]{2}\/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}\] (\S+) (\S+)\/(\S+) (-?[0-9]+)\/(-?[0-9]+)\/([0-9]+) ([0-9]+) ([-A-Za-z]{2}) ([0-9]+)\/([0-9]+)\/([0-9]+)\/([0-9]+)\/(\+?[0-9]+) ([0-9]+)\/([0-9]+)\n/
        let parts = try #require(line.wholeMatch(of: pattern), "not a session line: \(line)").output
        func number(_ text: Substring) throws -> Int { try #require(Int(text)) }
        client = String(parts.1)
        clientPort = try number(parts.2)
        (frontend, backend, server) = (String(parts.3), String(parts.4), String(parts.5))
        (queueTime, connectTime, totalTime) = (try number(parts.6), try number(parts.7), try number(parts.8))
        bytes = try number(parts.9)
        flags = String(parts.10)
        counts = [try number(parts.11), try number(parts.12), try number(parts.13), try number(parts.14)]
        retries = String(parts.15)
        queue = [try number(parts.16), try number(parts.17)]
    }
}
