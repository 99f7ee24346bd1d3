import Proxy
import Wire

/// The options of `server`, `server-template` and `default-server` lines.
enum ServerKeywords {
    static let keywords: [Keyword] = [
        Keyword("backup", .server, "", "Used only while no other server is usable.", .server(backup)),
        Keyword("disabled", .server, "", "Starts in maintenance.", .server(disabled)),
        Keyword("enabled", .server, "", "Undoes a `disabled` of `default-server`.", .server(enabled)),
        Keyword("init-addr", .server, "<last|libc|none|address>[,...]", "Where the first address comes from; `last,libc` without it.", .server(initAddress)),
        Keyword("maxconn", .server, "<number>", "Sessions at once, others wait; 0 for no limit.", .server(maxconn)),
        Keyword("no-backup", .server, "", "Undoes a `backup` of `default-server`.", .server(noBackup)),
        Keyword("on-marked-down", .server, "none|shutdown-sessions", "What happens to its sessions when it goes down.", .server(onMarkedDown)),
        Keyword("resolve-prefer", .server, "ipv4|ipv6", "Which of its addresses come first; `ipv4` without it.", .server(resolvePrefer)),
        Keyword("resolvers", .server, "<name>", "The section that keeps its address current.", .server(resolvers)),
        Keyword("no-send-proxy", .server, "", "Undoes a `send-proxy` of `default-server`.", .server(noSendProxy)),
        Keyword("no-send-proxy-v2", .server, "", "Undoes a `send-proxy-v2` of `default-server`.", .server(noSendProxyV2)),
        Keyword("proxy-v2-options", .server, "crc32c", "A checksum in the header of `send-proxy-v2`.", .server(proxyOptions)),
        Keyword("send-proxy", .server, "", "Tells it the client's address by a PROXY header, version 1.", .server(sendProxy)),
        Keyword("send-proxy-v2", .server, "", "Tells it the client's address by a PROXY header, version 2.", .server(sendProxyV2)),
        Keyword("weight", .server, "<number>", "Its share of the sessions, 0 to 256.", .server(weight)),
    ]

    /// The name, the address and the options of a `server` line.
    static func readServer(_ line: inout ConfigurationLine, defaults: ServerDraft) throws(ConfigurationProblem) -> ServerDraft {
        var draft = defaults
        draft.server.name = try line.needName()
        (draft.server.endpoint, draft.server.port) = try AddressReader(line).readServer(line.need())
        draft.server.location = line.location
        try readOptions(&draft, &line)
        try requireCheckPort(draft)
        try requireResolvers(&draft)
        SessionKeywords.remark(on: draft, &line)
        return draft
    }

    /// The servers of a `server-template` line.
    static func readTemplate(_ line: inout ConfigurationLine, defaults: ServerDraft) throws(ConfigurationProblem) -> [ServerDraft] {
        var draft = defaults
        let prefix = try line.needName()
        let slots = try readSlots(&line)
        (draft.server.endpoint, draft.server.port) = try AddressReader(line).readServer(line.need())
        draft.server.location = line.location
        if case .name = draft.server.endpoint { draft.server.isTemplateSlot = true }
        try readOptions(&draft, &line)
        try requireCheckPort(draft)
        try requireResolvers(&draft)
        SessionKeywords.remark(on: draft, &line)
        let template = draft
        return slots.map { number in
            var slot = template
            slot.server.name = "\(prefix)\(number)"
            return slot
        }
    }

    /// Everything after the address.
    static func readOptions(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        var copy = draft
        try line.readOptions(of: .server) { keyword, line throws(ConfigurationProblem) in
            if case .server(let apply) = keyword.action { try apply(&copy, &line) }
        }
        draft = copy
    }

    /// A check has no client whose port it could take.
    private static func requireCheckPort(_ draft: ServerDraft) throws(ConfigurationProblem) {
        guard draft.isChecked, draft.check.port == nil, case .client = draft.server.port else { return }
        if case .unix = draft.server.endpoint { return }
        throw .missingLine(of: "port", example: "check port 3306', or a port after the address: 'db1.internal:3306")
    }

    /// A service's records are asked for by a `resolvers` section only; each of its servers takes another one of them.
    private static func requireResolvers(_ draft: inout ServerDraft) throws(ConfigurationProblem) {
        guard case .name(let name, _) = draft.server.endpoint, name.utf8.first == UInt8(ascii: "_") else { return }
        guard draft.server.resolvers != nil else { throw .missingLine(of: "resolvers", example: "resolvers default' after '\(name)") }
        draft.server.isTemplateSlot = true
    }

    private static func readSlots(_ line: inout ConfigurationLine) throws(ConfigurationProblem) -> ClosedRange<Int> {
        let word = try line.need()
        let ends = word.split(separator: "-", omittingEmptySubsequences: false).map { ConfigurationValue.number(String($0)) }
        let expected = "a count such as 8, or the first and last number such as 1-8"
        guard (1...2).contains(ends.count), let first = ends.count == 1 ? 1 : ends[0], let last = ends[ends.count - 1], first <= last else {
            throw .badValue(word, of: line.keyword, expected: expected)
        }
        guard last - first < ProxyDraft.serversMax else { throw .tooMany(what: "servers in a section", limit: ProxyDraft.serversMax) }
        return first...last
    }

    @Sendable private static func backup(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.server.isBackup = true }

    @Sendable private static func noBackup(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.server.isBackup = false }

    @Sendable private static func disabled(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.server.isDisabled = true }

    @Sendable private static func enabled(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.server.isDisabled = false }

    @Sendable private static func initAddress(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = try line.need()
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
        draft.server.connectionsMax = try line.needNumber(in: 0...GlobalKeywords.connectionsMax)
    }

    @Sendable private static func onMarkedDown(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.onMarkedDown = try line.needChoice(["none": OnMarkedDown.none, "shutdown-sessions": .shutdownSessions])
    }

    @Sendable private static func resolvers(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = try line.needName()
        draft.server.resolvers = name
        draft.resolvers = NameReference(name: name, keyword: line.keyword, location: line.location)
    }

    @Sendable private static func resolvePrefer(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.preferredFamily = try line.needChoice(["ipv4": .v4, "ipv6": .v6])
    }

    @Sendable private static func sendProxy(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isText = true }

    @Sendable private static func noSendProxy(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isText = false }

    @Sendable private static func sendProxyV2(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isBinary = true }

    @Sendable private static func noSendProxyV2(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isBinary = false }

    @Sendable private static func proxyOptions(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.proxyHeader.hasChecksum = try line.needChoice(["crc32c": true])
    }

    @Sendable private static func weight(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.weight = try line.needNumber(in: 0...256)
    }
}
