import Wire

/// What a check asks, so that nodes can tell whether their results mean the same. Nodes of two releases compare the words during an upgrade, so they must never
/// change: they are words of the file, or texts in this file, and no descriptions of values.
extension Backend {
    /// The words that describe the checks of `server`: what is asked, and where. Two nodes have the same words only if a result of one node says what a result of
    /// the other node says. Intervals, time limits and counts are left out, because they do not change what one result means. `nil` without checks.
    package func checkIdentity(of server: Server) -> [String]? {
        guard let check = server.check else { return nil }
        // A name counts as written: each node resolves it for itself. The server's own address and port need no words.
        var (host, port) = (check.addressName ?? check.address?.description ?? "", check.fixedPort.map { "\($0)" } ?? "")
        if host == server.endpoint.host { host = "" }
        if let fixed = check.fixedPort, server.port == .fixed(fixed) { port = "" }
        // An address in a network namespace is another target than the same address outside.
        let namespace = server.namespace.map { ["namespace", $0] } ?? []
        return (database == nil ? kindIdentity : ["database"]) + [host, port, check.proxyHeader?.word ?? ""] + namespace
    }

    private var kindIdentity: [String] {
        switch check {
        case .connect: ["connect"]
        case .mysql(let settings): ["mysql", settings.user ?? "", settings.isPre41 ? "pre-41" : "post-41"]
        case .external: ["external", externalProgram?.command ?? "", externalProgram?.path ?? ""]
        case .script(let script): ["script"] + script.identity
        }
    }
}

extension CheckScript {
    /// The words that describe what the script asks.
    fileprivate var identity: [String] {
        let family =
            switch kind {
            case .tcp: "tcp-check"
            case .http: "httpchk"
            case .other: ""
            }
        return [family] + words + (passesOn404 ? ["http-check disable-on-404"] : []) + (sendsState ? ["http-check send-state"] : [])
    }
}

extension ProxyHeaderForm {
    /// The word for the header of a check, whose only option is the checksum.
    fileprivate var word: String {
        switch self {
        case .text: "v1"
        case .binary(let options): options.contains(.checksum) ? "v2-crc32c" : "v2"
        }
    }
}
