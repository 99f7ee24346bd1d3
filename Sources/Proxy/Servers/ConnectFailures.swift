// `observe layer4`: the effect of sessions' failed connects on a server's health.

extension ServerRegistry {
    /// Applies `on-error` after failed connects: the next check runs soon, and the failures may count as a failed check.
    mutating func applyFailedConnects(consecutive errors: Int, _ change: inout Change) {
        let server = change.server
        let configured = configuration(of: server)
        guard let observation = configured.observation, let check = configured.check, status(of: server).isChecked else { return }
        guard let reaction = observation.reaction(toErrorsInRow: errors) else { return }
        servers[server.backend][server.server].observedFailures += 1
        change.effects.append(.forgetFailedConnects(server))
        if let fastInterval = check.fastInterval { change.effects.append(.checkWithin(server, fastInterval)) }
        guard reaction != .fastInterval else { return }
        let result = CheckResult(status: .healthAnalysis, info: ConnectObservation.info(errors: errors), duration: .zero)
        apply(result, { $1.observe(reaction) }, &change)
    }
}
