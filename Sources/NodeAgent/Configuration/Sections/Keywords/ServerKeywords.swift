import Proxy
import Wire

/// Keywords that define servers.
enum ServerKeywords {
    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "default-server", .serverSide, "<option> ...", repetition: .many, "Default options of the servers that follow.", defaultServer),
        Keyword(
            "server", .serving, "<name> <address> [<option> ...]", repetition: .many,
            differs: "`*` is the client's destination after REDIRECT and DNAT rules of this node, not before.",
            "A server: `host[:port]`, `[v6]:port`, `host:+offset`, a path or `abns@NAME`; default port, and address of `*`: those that the client connected to.",
            server),
        Keyword(
            "server-template", .serving, "<prefix> <count|low-high> <name:port> [<option> ...]", repetition: .many,
            differs: "If the name has more addresses than servers, a warning names the line; priorities of SRV records count.",
            "Several servers that take their addresses from one name.", serverTemplate),
    ]

    @Sendable private static func defaultServer(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        var draft = proxy.defaultServer
        try line.readOptions(of: ServerOptions.self, into: &draft)
        if draft.server.hasFixedIdentifier {
            draft.server.hasFixedIdentifier = false
            line.warn(.noEffect("id", advice: "servers have different numbers: write it on a 'server' line"))
        }
        proxy.defaultServer = draft
    }

    @Sendable private static func server(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        try append(readServer(&line, defaults: proxy.defaultServer), to: &proxy)
    }

    @Sendable private static func serverTemplate(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        for (place, slot) in try readTemplate(&line, defaults: proxy.defaultServer).enumerated() {
            var slot = slot
            // The number of the line belongs to the first server.
            if place > 0 { slot.server.hasFixedIdentifier = false }
            try append(slot, to: &proxy)
        }
    }

    private static func append(_ draft: ServerDraft, to proxy: inout ProxyDraft) throws(ConfigurationProblem) {
        guard proxy.backend.servers.count < ProxyDraft.serversMax else { throw .tooMany(what: "servers", limit: ProxyDraft.serversMax) }
        let server = draft.finished
        guard proxy.serverNames.insert(server.name).inserted else {
            let first = proxy.backend.servers.first { $0.name == server.name }
            throw .duplicate(server.name, kind: "server", first: first?.location ?? server.location)
        }
        if let reference = draft.resolvers, proxy.resolverReferences.last != reference { proxy.resolverReferences.append(reference) }
        if server.hasFixedIdentifier, let first = proxy.backend.servers.first(where: { $0.hasFixedIdentifier && $0.identifier == server.identifier }) {
            throw .custom("duplicate 'id \(server.identifier)'", advice: "'\(first.name)' at \(first.location) has it: write another number")
        }
        if let reference = draft.tracked { proxy.tracking.append((proxy.backend.servers.count, reference)) }
        proxy.backend.servers.append(server)
    }

    /// Parses the name, the address and the options of a `server` line.
    private static func readServer(_ line: inout ConfigurationLine, defaults: ServerDraft) throws(ConfigurationProblem) -> ServerDraft {
        let name = try line.takeName()
        var draft = try readAddressAndOptions(&line, defaults: defaults)
        draft.server.name = name
        return draft
    }

    /// Parses the servers of a `server-template` line.
    private static func readTemplate(_ line: inout ConfigurationLine, defaults: ServerDraft) throws(ConfigurationProblem) -> [ServerDraft] {
        let prefix = try line.takeName()
        let slots = try readSlots(&line)
        let template = try readAddressAndOptions(&line, defaults: defaults)
        return slots.map { number in
            var slot = template
            slot.server.name = "\(prefix)\(number)"
            if case .name = slot.server.endpoint { slot.server.isTemplateSlot = true }
            return slot
        }
    }

    /// Parses what follows the name of a server, or the name and the numbers of a template.
    private static func readAddressAndOptions(_ line: inout ConfigurationLine, defaults: ServerDraft) throws(ConfigurationProblem) -> ServerDraft {
        var draft = defaults
        (draft.server.endpoint, draft.server.port, draft.server.family) = try AddressReader(line).readServer(line.takeRequired())
        if let family = draft.server.family { draft.server.preference.family = family }
        draft.server.location = line.location
        try line.readOptions(of: ServerOptions.self, into: &draft)
        try draft.requireConsistentState()
        try requireResolvers(&draft)
        warnAboutObserve(draft, &line)
        warnAboutNamespace(draft, defaults, &line)
        return draft
    }

    /// Throws if a service name has no `resolvers`, because only a `resolvers` section resolves SRV records. Each server of the service takes a different
    /// record.
    private static func requireResolvers(_ draft: inout ServerDraft) throws(ConfigurationProblem) {
        guard case .name(let name, _) = draft.server.endpoint, name.utf8.first == UInt8(ascii: "_") else { return }
        guard draft.server.resolvers != nil else { throw .missingLine(of: "resolvers", example: "resolvers default' after '\(name)") }
        draft.server.isTemplateSlot = true
    }

    /// Warns of `observe` without `check`: it counts towards the health of checks.
    private static func warnAboutObserve(_ draft: ServerDraft, _ line: inout ConfigurationLine) {
        guard draft.isObserved, !draft.isChecked else { return }
        line.warn(.noEffect("observe", advice: "add 'check': only a check brings the server up again"))
    }

    /// Warns of a line that names a namespace for a UNIX socket: only its checks at IP addresses are in the namespace, as in HAProxy.
    private static func warnAboutNamespace(_ draft: ServerDraft, _ defaults: ServerDraft, _ line: inout ConfigurationLine) {
        guard case .unix = draft.server.endpoint, let name = draft.server.namespace, name != defaults.server.namespace else { return }
        let advice = "only IP addresses are in a network namespace: remove the option, unless 'addr' or 'agent-addr' need it"
        line.warn(.noEffect("namespace \(name)", advice: advice))
    }

    private static func readSlots(_ line: inout ConfigurationLine) throws(ConfigurationProblem) -> ClosedRange<Int> {
        let word = try line.takeRequired()
        let ends = word.split(separator: "-", omittingEmptySubsequences: false).map { ConfigurationValue.number(String($0)) }
        let expected = "a count such as 8, or the first and last number such as 1-8"
        guard (1...2).contains(ends.count), let first = ends.count == 1 ? 1 : ends[0], let last = ends[ends.count - 1], first <= last else {
            throw .badValue(word, of: line.keyword, expected: expected)
        }
        guard last - first < ProxyDraft.serversMax else { throw .tooMany(what: "servers", limit: ProxyDraft.serversMax) }
        return first...last
    }
}
