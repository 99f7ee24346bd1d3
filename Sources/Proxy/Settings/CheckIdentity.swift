/// What a check asks, so that nodes can tell whether their results mean the same.
extension Backend {
    /// The words that describe the checks of `server`: what is asked, and where. Two nodes have the same words only if a result of one node says what a result of
    /// the other node says. Intervals, time limits and counts are left out, because they do not change what one result means. `nil` without checks.
    package func checkIdentity(of server: Server) -> [String]? {
        guard let check = server.check else { return nil }
        // A name counts as written: each node resolves it for itself. The server's own address and port need no words.
        var (host, port) = (check.addressName ?? check.address?.description ?? "", check.fixedPort.map { "\($0)" } ?? "")
        if host == server.endpoint.host { host = "" }
        if let fixed = check.fixedPort, server.port == .fixed(fixed) { port = "" }
        return (database == nil ? kindIdentity : ["database"]) + [host, port, check.proxyHeader.map { "\($0)" } ?? ""]
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
    /// The words that describe what the script asks. Swift's description of a value contains all its fields, so a new option changes the words.
    fileprivate var identity: [String] {
        ["\(kind)", "\(passesOn404)", "\(sendsState)"]
            + steps.map { step in
                var step = step
                step.comment = nil
                return "\(step)"
            }
    }
}
