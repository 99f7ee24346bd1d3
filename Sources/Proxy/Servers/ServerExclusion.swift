// Reasons other than its checks' count to exclude a server or to bring it back: its role, a lack of connections, sessions' evidence and peers' verdicts.

import Wire

extension ServerRegistry {
    mutating func applyInconclusive(_ result: CheckResult, _ change: inout Change) {
        var next = status(of: change.server)
        guard next.isChecked else { return }
        next.lastCheck = result
        if result.fault != .node { next.hasVerdict = true }
        next.recordReachability(result, now: change.now)
        store(next, &change)
    }

    /// Changes a server's fitness; its sessions continue. Only a change of fitness is logged. When a server is DOWN, the line about coming up reports its
    /// fitness.
    mutating func setFitness(_ fitness: ServerFitness, _ change: inout Change) {
        let before = status(of: change.server)
        guard before.fitness != fitness else { return }
        var next = before
        next.fitness = fitness
        store(next, &change)
        guard before.condition != .down else { return }
        switch fitness {
        case .unfit(let reason):
            // Only the writer is fit: without it, clients cannot write.
            let isWriter = backends[change.server.backend].database?.role == .primary
            let level = !before.isRunning ? LogLevel.notice : isWriter ? before.lossLevel : .warning
            if before.fitness.isFit { change.log(level, "\(title(of: change.server)) is OUT: \(reason)\(counts(change))") }
        case .fit:
            guard case .unfit(let reason) = before.fitness else { return }
            change.log(.notice, "\(title(of: change.server)) is IN (was OUT: \(reason))\(counts(change))")
        }
    }

    mutating func setFull(_ isFull: Bool, _ change: inout Change) {
        var next = status(of: change.server)
        guard next.isFull != isFull else { return }
        next.isFull = isFull
        store(next, &change)
        if isFull { change.log(.warning, "\(title(of: change.server)) is FULL\(next.lastCheck?.explanation ?? "")\(counts(change))") }
    }

    mutating func setSkipped(_ skip: ServerSkip?, _ pause: Duration?, _ change: inout Change) {
        var next = status(of: change.server)
        let before = next.skip
        guard before != skip else { return }
        next.skip = skip
        store(next, &change)
        let end = pause.map { "for \($0.wholeMilliseconds / 1000)s" } ?? (skip == .suspect ? "until a check is greeted in time" : "until a check passes")
        let consequence = "while other servers are usable, new sessions skip it \(end)"
        switch skip {
        case .suspect: change.log(.warning, "\(title(of: change.server)) is SUSPECT: a session got no answer; \(consequence).")
        case .full(let number): change.log(.warning, "\(title(of: change.server)) is FULL (error \(number)): \(consequence).")
        case .hostRefused(let number):
            let remedy = number == 1129 ? "run 'FLUSH HOSTS' on it and raise max_connect_errors" : "create a user there that may connect from this host"
            change.log(.alert, "\(title(of: change.server)) refuses this host (error \(number)): \(consequence); \(remedy).")
        case nil: change.log(.notice, "\(title(of: change.server)) takes new sessions again\(before.map { " (was \(Self.word($0)))" } ?? "").")
        }
    }

    private static func word(_ skip: ServerSkip) -> String {
        switch skip {
        case .suspect: "SUSPECT"
        case .full: "FULL"
        case .hostRefused: "refusing this host"
        }
    }

    mutating func takeDown(_ evidence: DownEvidence, _ change: inout Change) {
        let before = status(of: change.server)
        guard before.isChecked else { return }
        var next = before
        next.health?.takeDown()
        next.settle()
        store(next, &change)
        if before.isRunning {
            change.log(before.lossLevel, "\(title(of: change.server)) is DOWN\(reason(evidence, before))\(counts(change))")
        }
    }

    /// The reason in a line about a server that did not go down by its own checks' count, in the form of a check's reason.
    private func reason(_ evidence: DownEvidence, _ before: ServerStatus) -> String {
        switch evidence {
        case .peers(let peers):
            return ", reason: seen DOWN by \(peers.joined(separator: ", "))"
        case .ownChecksAndPeers(let peers):
            let seen = "(also seen by \(peers.joined(separator: ", ")))"
            guard let check = before.lastCheck else { return ", reason: \(seen)" }
            let info = check.info.isEmpty ? seen : "\(check.info) \(seen)"
            return CheckResult(status: check.status, code: check.code, info: info, duration: check.duration).explanation
        case .server:
            return before.lastCheck?.explanation ?? ", reason: refuses this host"
        }
    }

    /// Ends or begins a hold by the peers. When it ends, the server is up immediately if its own checks have passed in the meantime.
    mutating func setHeldDown(_ isHeld: Bool, _ change: inout Change) {
        let before = status(of: change.server)
        guard before.health != nil, before.isHeldDown != isHeld else { return }
        var next = before
        next.isHeldDown = isHeld
        next.settle()
        store(next, &change)
        if next.isRunning != before.isRunning {
            change.log(.notice, "\(title(of: change.server)) is \(upText(next))\(next.lastCheck?.explanation ?? "")\(counts(change))")
        }
    }
}
