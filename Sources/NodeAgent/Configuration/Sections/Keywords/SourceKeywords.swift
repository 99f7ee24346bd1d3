import Proxy
import Wire

/// `source`: the local address of connections to servers.
enum SourceKeywords {
    private static let presented = "[usesrc <address>[:<port>]|client|clientip] [interface <name>]"

    private static let numeric = "A name is an error; if the interface does not exist, connects fail."

    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "source", .serverSide, "<address>[:<port>] \(presented)", differs: numeric,
            "Local address of connections to servers, also of checks; `usesrc` shows servers another address or the client's (needs `cap_net_raw`).", proxy)
    ]

    static let servers: [Keyword<ServerDraft>] = [
        Keyword(
            "source", .server, "<address>[:<port>[-<port>]] \(presented)",
            differs: "\(numeric) With `usesrc` without a port, sessions do not use the range.",
            "Local address of connections to the server, as `source` of the section; with a range, each connection has one of these ports.", server)
    ]

    @Sendable private static func proxy(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.source = try read(&line, allowsRange: false)
    }

    @Sendable private static func server(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.source = try read(&line, allowsRange: true)
    }

    private static func read(_ line: inout ConfigurationLine, allowsRange: Bool) throws(ConfigurationProblem) -> SourceSettings {
        var source = SourceSettings()
        (source.address, source.ports) = try AddressReader(line).readSource(line.takeRequired(), allowsRange: allowsRange)
        while let word = line.peek, word == "usesrc" || word == "interface" {
            line.next += 1
            if word == "interface" { source.interface = try line.takeInterface() } else { source.presented = try readPresented(&line) }
        }
        return source
    }

    /// Parses the address after `usesrc`; `nil` for a header of HTTP, which HAProxy ignores in a TCP proxy.
    private static func readPresented(_ line: inout ConfigurationLine) throws(ConfigurationProblem) -> SourceSettings.Presented? {
        let word = try line.takeRequired()
        switch word {
        case "client": return .client
        case "clientip": return .clientAddress
        default: break
        }
        guard !word.hasPrefix("hdr_ip(") else {
            line.warn(.noEffect("usesrc \(word)", advice: "a TCP session has no headers: write 'usesrc clientip', or remove it"))
            return nil
        }
        guard case let (address?, ports) = try AddressReader(line).readSource(word, allowsRange: false) else {
            throw .badValue(word, of: "usesrc", expected: "client, clientip or an address")
        }
        return .other(address, port: ports?.lowerBound ?? 0)
    }
}
