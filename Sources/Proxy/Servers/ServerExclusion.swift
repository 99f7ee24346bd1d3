// Reasons other than its checks' count to exclude a server or to bring it back: its role, a lack of connections, sessions' evidence and peers' verdicts.

import Wire

extension ServerRegistry {
    mutating func takeInconclusive(_ result: CheckResult, _ change: inout Change) {
        var next = status(of: change.server)
        guard next.isChecked else { return }
        next.lastCheck = result
        if result.fault != .node { next.hasVerdict = true }
        next.noteReach(result, now: change.now)
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
            if before.fitness.isFit { change.log(level, "\(title(of: change.server)) is OUT, reason: \(reason)\(counts(change))") }
        case .fit:
            if !before.fitness.isFit { change.log(.notice, "\(title(of: change.server)) is IN\(counts(change))") }
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
        guard next.skip != skip else { return }
        next.skip = skip
        store(next, &change)
        let end = pause.map { "for \($0.wholeMilliseconds / 1000)s" } ?? (skip == .suspect ? "until a check is greeted in time" : "until a check passes")
        let consequence = "new sessions leave it out \(end), while there are others"
        switch skip {
        case .suspect: change.log(.warning, "\(title(of: change.server)) is SUSPECT: a session has got no answer; \(consequence).")
        case .full(let number): change.log(.warning, "\(title(of: change.server)) is FULL, it says (error \(number)): \(consequence).")
        case .hostRefused(let number):
            let remedy = number == 1129 ? "run 'FLUSH HOSTS' there and raise max_connect_errors" : "grant a user to this host there"
            change.log(.alert, "\(title(of: change.server)) refuses this host (error \(number)): \(remedy); \(consequence).")
        case nil: change.log(.notice, "\(title(of: change.server)) gets new sessions again.")
        }
    }

    mutating func takeDown(_ witness: DownWitness, _ change: inout Change) {
        let before = status(of: change.server)
        guard before.isChecked else { return }
        var next = before
        next.health?.takeDown()
        next.isRunning = false
        store(next, &change)
        if before.isRunning {
            change.log(before.lossLevel, "\(title(of: change.server)) is DOWN\(reason(witness, before))\(counts(change))")
        }
    }

    /// The reason in a line about a server that did not go down by its own checks' count, in the form of a check's reason.
    private func reason(_ witness: DownWitness, _ before: ServerStatus) -> String {
        switch witness {
        case .peers(let peers):
            return ", reason: DOWN for \(peers.joined(separator: ", "))"
        case .alsoPeers(let peers):
            let seen = "(seen by \(peers.joined(separator: ", ")) too)"
            guard let check = before.lastCheck else { return ", reason: \(seen)" }
            let info = check.info.isEmpty ? seen : "\(check.info) \(seen)"
            return CheckResult(status: check.status, code: check.code, info: info, duration: check.duration).explanation
        case .server:
            return before.lastCheck?.explanation ?? ", reason: it refuses this host"
        }
    }

    /// Ends or begins a hold by the peers. When it ends, the server is up immediately if its own checks have passed in the meantime.
    mutating func setHeldDown(_ isHeld: Bool, _ change: inout Change) {
        let before = status(of: change.server)
        guard let health = before.health, before.isHeldDown != isHeld else { return }
        var next = before
        next.isHeldDown = isHeld
        next.isRunning = !isHeld && !before.flags.isMaintenance && health.isUp
        store(next, &change)
        if next.isRunning != before.isRunning {
            change.log(.notice, "\(title(of: change.server)) is \(upWord(next))\(next.lastCheck?.explanation ?? "")\(counts(change))")
        }
    }
}
