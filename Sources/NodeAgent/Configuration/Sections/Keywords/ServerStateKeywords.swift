import Proxy
import Wire

/// Options of servers whose state comes from more than their checks: from an agent, from another server, or from the start.
enum ServerStateKeywords {
    static let servers: [Keyword<ServerDraft>] = [
        Keyword(
            "agent-addr", .server, "<address>", differs: "`*` and `0.0.0.0` are errors.",
            "Address of the agent; default: that of `addr`, or else the server's own.", agentAddress),
        Keyword(
            "agent-check", .server, "",
            differs: "A percentage gives a weight of at least 1, except `0%`; a negative `maxconn` means no limit; `maxconn` survives a reload.",
            "Asks a program at `agent-port` for the server's state, weight and `maxconn`, besides its checks.", agentCheck),
        Keyword("agent-inter", .server, "<time>", "Time between two questions to the agent; default 2s.", agentInterval),
        Keyword("agent-port", .server, "<port>", differs: "A wrong port is always an error.", "Port of the agent; default: that of `port`.", agentPort),
        Keyword("agent-send", .server, "<text>", "What the agent gets when it is asked; default: nothing.", agentSend),
        Keyword(
            "init-state", .server, "none|up|fully-up|down|fully-down",
            "Initial state, also after maintenance: `up` until a check fails, `fully-up` until `fall` fail; `down` until one passes, `fully-down` until `rise` pass.",
            initialState),
        Keyword("no-agent-check", .server, "", "Cancels `agent-check` from `default-server`.", noAgentCheck),
        Keyword(
            "track", .server, "<server>|<proxy>/<server>", differs: "All log lines about a drain name the other server, as those of HAProxy 3.",
            "Copies the state of another server instead of checking this one.", track),
    ]

    @Sendable private static func agentAddress(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.agentAddress = try AddressReader(line).readAgentAddress(line.takeRequired())
    }

    @Sendable private static func agentCheck(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.isAgentChecked = true }

    @Sendable private static func agentInterval(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.agent.check.interval = try line.takePositiveTime()
    }

    @Sendable private static func agentPort(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.agent.check.port = try UInt16(line.takeNumber(in: 1...65_535))
    }

    @Sendable private static func agentSend(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.agent.request = try Array(line.takeText("a text for the agent, such as \"replica\\n\"").utf8)
    }

    @Sendable private static func initialState(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.initialState = try line.takeChoice([
            "none": InitialState.up, "up": .up, "fully-up": .fullyUp, "down": .down, "fully-down": .fullyDown,
        ])
    }

    @Sendable private static func noAgentCheck(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.isAgentChecked = false }

    @Sendable private static func track(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = try line.takeRequired()
        let names = word.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard names.count <= 2, names.allSatisfy(ConfigurationValue.isName) else {
            throw .badValue(word, of: line.keyword, expected: "a server, such as db1 or mysql/db1")
        }
        let references = names.map { NameReference(name: $0, keyword: line.keyword, location: line.location) }
        draft.tracked = TrackReference(proxy: references.count > 1 ? references[0] : nil, server: references[references.count - 1])
    }
}

extension ServerDraft {
    /// Throws if the line's agent has no port, or if a server that copies another one's state has checks.
    func requireConsistentState() throws(ConfigurationProblem) {
        if isAgentChecked, agent.check.port == nil, check.port == nil { throw .missingLine(of: "agent-port", example: "agent-port 9999' after 'agent-check") }
        guard isChecked, tracked != nil else { return }
        throw .custom("'check' and 'track' of one server", advice: "a server that copies another one's state has no checks: remove one of the two")
    }
}

/// `track`: the proxy, `nil` for the line's own, and the server.
struct TrackReference: Equatable, Sendable {
    let proxy: NameReference?
    let server: NameReference
}
