import Proxy
import Wire

/// Options of `server`, `server-template` and `default-server` lines.
enum ServerOptions: KeywordPlace {
    static let name = "server"
    /// HAProxy's limit.
    static let resolveNetworksMax = 5
    /// The most bytes of extensions of a PROXY header, so that all receivers accept it.
    static let proxyExtensionBytesMax = 1_024
    /// Options of `proxy-v2-options` that describe a client's TLS connection.
    private static let proxyOptionsOfTLS: Set<String> = ["cert-cn", "cert-key", "cert-sig", "ssl", "ssl-cipher"]

    static let keywords = KeywordTable(
        own + BalanceKeywords.servers + CheckKeywords.servers + HealthKeywords.servers + ServerStateKeywords.servers + ConnectionKeywords.servers
            + ZoneKeywords.servers + SourceKeywords.servers + HTTPServerKeywords.servers)

    private static let own: [Keyword<ServerDraft>] = [
        Keyword(
            "backup", .server, "", differs: "When another server comes back, sessions that wait for a backup use it at once.",
            "Used only while no other server is usable.", backup),
        Keyword("cookie", .server, "<value>", "No effect, except that `show stat` shows it: TCP sessions have no cookies.", cookie),
        Keyword("disabled", .server, "", "Starts in maintenance.", disabled),
        Keyword("enabled", .server, "", "Cancels `disabled` from `default-server`.", enabled),
        Keyword("guid", .server, "<text>", "No effect: the server's name identifies it.", guid),
        Keyword(
            "id", .server, "<number>", differs: "In `default-server`, it has no effect and causes a warning.",
            "The server's number in `show stat` and `show servers state`; default: automatic.", identifier),
        Keyword(
            "init-addr", .server, "<last|libc|none|address>[,...]", differs: "If no nameserver answers, the process starts with a warning.",
            "Sources of the first address, in this order; default `last,libc`.", initAddress),
        Keyword(
            "maxconn", .server, "<number>", differs: "When the server goes DOWN, the sessions that wait for it always move to other servers.",
            "Maximum number of sessions; further ones wait. 0: no limit.", maxconn),
        Keyword(
            "maxqueue", .server, "<number>", differs: "With `leastconn`, sessions wait in the proxy's queue, which it does not limit.",
            "Maximum number of sessions that wait for this server only; default 0: no limit.", maxqueue),
        Keyword(
            "minconn", .server, "<number>", differs: "Places that a growing load adds go at once to the sessions that have waited longest.",
            "Limit of an idle backend, which grows to `maxconn` at `fullconn`; default: always `maxconn`.", minconn),
        Keyword(
            "namespace", .server, "<name>",
            differs: "A UNIX socket as the server's address causes a warning; `*`, the namespace in the client's PROXY header, is an error.",
            "The network namespace of connections to the server, also of checks, as `ip netns` creates it; needs `cap_sys_admin`.", namespace),
        Keyword("no-backup", .server, "", "Cancels `backup` from `default-server`.", noBackup),
        Keyword(
            "on-marked-down", .server, "none|shutdown-sessions", differs: "The sessions are logged with `DC`, as by HAProxy 3, and not with `D-`.",
            "What happens to the server's sessions when it goes down.", onMarkedDown),
        Keyword(
            "resolve-net", .server, "<network>[,...]", "Networks, up to five, whose addresses are preferred if the server's name has several.", resolveNetworks),
        Keyword(
            "resolve-opts", .server, "<option>[,...]",
            differs: "With `allow-dup-ip`, the servers of a `server-template` share the addresses in turn. Without options, `server` lines may share them.",
            "`allow-dup-ip`: servers may share an address; `prevent-dup-ip`: never; `ignore-weight`: weights in service records have no effect.",
            resolveOptions),
        Keyword(
            "resolve-prefer", .server, "ipv4|ipv6", differs: "Without the option `ipv4`.", "Preferred family of the server's addresses; default `ipv4`.",
            resolvePrefer),
        Keyword(
            "resolvers", .server, "<name>",
            differs: "While the server passes its checks, a new address is checked before it is used. A failed connect triggers a resolution.",
            "The `resolvers` section that keeps the server's address current.", resolvers),
        Keyword("no-send-proxy", .server, "", "Cancels `send-proxy` from `default-server`.", noSendProxy),
        Keyword("no-send-proxy-v2", .server, "", "Cancels `send-proxy-v2` from `default-server`.", noSendProxyV2),
        Keyword("no-tfo", .server, "", "No effect, as `tfo`.", tfo),
        Keyword(
            "proxy-v2-options", .server, "<option>[,...]", differs: "The ID is always empty; the options that describe a client's TLS are errors.",
            "Extensions of the header of `send-proxy-v2`: a checksum (`crc32c`), the host name from the client's own header (`authority`), an empty ID (`unique-id`).",
            proxyOptions),
        Keyword("send-proxy", .server, "", "Sends the client's address to the server in a PROXY header, version 1.", sendProxy),
        Keyword("send-proxy-v2", .server, "", "Sends the client's address to the server in a PROXY header, version 2.", sendProxyV2),
        Keyword(
            "set-proxy-v2-tlv-fmt", .server, "(<type>) <text>", differs: "The text must be constant.",
            "Adds an extension of this type, such as 0xe0, to the header of `send-proxy-v2`.", proxyExtension),
        Keyword("strict-maxconn", .server, "", "No effect: `maxconn` is always strict.", strictMaxconn),
        Keyword("tfo", .server, "", "No effect: a server gets data only after the connect, so that another one can replace it.", tfo),
        Keyword(
            "weight", .server, "<number>", differs: "A percentage of it, from an agent or a runtime command, is at least 1, except with `0%`.",
            "The server's share of the sessions in proportion to the others, 0 to 256.", weight),
    ]

    @Sendable private static func backup(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.server.isBackup = true }

    @Sendable private static func cookie(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.cookie = try line.takeText("a cookie's value")
        line.warn(.noEffect(line.keyword, advice: "TCP sessions have no cookies: remove it, or keep HAProxy for a proxy in 'mode http'"))
    }

    @Sendable private static func guid(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        _ = try line.takeText("a text")
    }

    @Sendable private static func identifier(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.identifier = try line.takeNumber(in: 1...999_999_999)
        draft.server.hasFixedIdentifier = true
    }

    @Sendable private static func tfo(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) {}

    @Sendable private static func disabled(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.server.isDisabled = true }

    @Sendable private static func enabled(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.server.isDisabled = false }

    @Sendable private static func initAddress(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = try line.takeRequired()
        var addresses: [InitialAddress] = []
        for part in word.split(separator: ",", omittingEmptySubsequences: false) {
            switch part {
            case "last": addresses.append(.last)
            case "libc": addresses.append(.libc)
            case "none": addresses.append(.none)
            default:
                guard let address = IPAddress(part) else {
                    throw .badValue(word, of: line.keyword, expected: "a list of last, libc, none and addresses, such as last,libc,none")
                }
                addresses.append(.ip(address))
            }
        }
        draft.server.initialAddresses = addresses
    }

    @Sendable private static func maxconn(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.connectionsMax = try line.takeNumber(in: 0...ProcessKeywords.connectionsMax)
    }

    @Sendable private static func maxqueue(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.queueMax = try line.takeNumber(in: 0...ProcessKeywords.connectionsMax)
    }

    @Sendable private static func minconn(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.connectionsMin = try line.takeNumber(in: 0...ProcessKeywords.connectionsMax)
    }

    @Sendable private static func namespace(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        if line.peek == "*" { throw ForeignKeywords.Reason.reachesServers.problem(with: "namespace *", extent: extent) }
        draft.server.namespace = try line.takeNamespace()
    }

    @Sendable private static func noBackup(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.server.isBackup = false }

    @Sendable private static func onMarkedDown(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.onMarkedDown = try line.takeChoice(["none": OnMarkedDown.none, "shutdown-sessions": .shutdownSessions])
    }

    @Sendable private static func resolveNetworks(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.preference.networks = try line.takeNetworks(limit: resolveNetworksMax, expected: "networks such as 10.0.1.0/24,10.0.2.0/24") {
            IPNetwork(rounding: $0)
        }
    }

    @Sendable private static func resolveOptions(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let options: KeyValuePairs<String, (inout ResolveOptions) -> Void> = [
            "allow-dup-ip": { $0.sharing = .allowed }, "ignore-weight": { $0.ignoresWeight = true }, "prevent-dup-ip": { $0.sharing = .prevented },
        ]
        for set in try line.takeList(options) { set(&draft.server.resolveOptions) }
    }

    @Sendable private static func resolvePrefer(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.preference.family = try line.takeChoice(["ipv4": .v4, "ipv6": .v6])
    }

    @Sendable private static func resolvers(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = try line.takeName()
        draft.server.resolvers = name
        draft.resolvers = NameReference(name: name, keyword: line.keyword, location: line.location)
    }

    @Sendable private static func noSendProxy(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isText = false }

    @Sendable private static func noSendProxyV2(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isBinary = false }

    @Sendable private static func proxyOptions(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        if let word = line.peek, let option = word.split(separator: ",").first(where: { proxyOptionsOfTLS.contains(String($0)) }) {
            throw .encryption("proxy-v2-options \(option)")
        }
        let options: KeyValuePairs<String, ProxyHeaderOptions> = ["authority": .authority, "crc32c": .checksum, "unique-id": .uniqueID]
        for option in try line.takeList(options) { draft.proxyHeader.options.formUnion(option) }
    }

    @Sendable private static func proxyExtension(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = line.words[line.next - 1]
        guard let type = proxyExtensionType(word) else {
            throw .badValue(word, of: line.keyword, expected: "the type in parentheses, from 0x00 to 0xff: set-proxy-v2-tlv-fmt(0xe0)")
        }
        let text = try line.takeRequired()
        guard let value = (try? CheckFormat(text, in: .tcp))?.constant else {
            throw ForeignKeywords.Reason.reachesServers.problem(with: "set-proxy-v2-tlv-fmt ... \(text)", extent: extent)
        }
        draft.server.proxyHeaderValues += ProxyHeader.encoded(type, value)
        guard draft.server.proxyHeaderValues.count <= proxyExtensionBytesMax else {
            throw .tooMany(what: "bytes of 'set-proxy-v2-tlv-fmt'", limit: proxyExtensionBytesMax)
        }
    }

    /// The type in "set-proxy-v2-tlv-fmt(0xe0)".
    private static func proxyExtensionType(_ word: String) -> UInt8? {
        guard let start = word.firstIndex(of: "("), word.hasSuffix(")") else { return nil }
        let digits = word[word.index(after: start)...].dropLast()
        guard digits.hasPrefix("0x"), (3...4).contains(digits.count), digits.dropFirst(2).allSatisfy(\.isHexDigit) else { return nil }
        return UInt8(digits.dropFirst(2), radix: 16)
    }

    @Sendable private static func sendProxy(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isText = true }

    @Sendable private static func sendProxyV2(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isBinary = true }

    @Sendable private static func strictMaxconn(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) {}

    @Sendable private static func weight(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.weight = try line.takeNumber(in: 0...256)
    }
}

extension CheckFormat {
    /// The bytes that the format gives in every session; `nil` if they depend on the session.
    var constant: [UInt8]? {
        var bytes: [UInt8] = []
        for part in parts {
            switch part {
            case .literal(let literal): bytes += literal
            case .expression(let expression):
                guard expression.converters.isEmpty else { return nil }
                switch expression.fetch {
                case .text(let text): bytes += text
                case .number(let number): bytes += Array("\(number)".utf8)
                default: return nil
                }
            }
        }
        return bytes
    }
}
