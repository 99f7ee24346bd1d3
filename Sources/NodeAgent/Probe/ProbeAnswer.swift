import Wire

/// The answer of a `probe` section, and the reason. It fits one word, since the probe's thread reads atomics only.
///
///     bit     0          pass
///     bits    1 to 7     kind of the cause
///     bits    8 to 23    requirement, or threads
///     bits   24 to 31    peers' view
///     bits   32 to 63    usable servers
struct ProbeAnswer: Equatable, Sendable {
    /// A summary of the peers' views of a required proxy's servers.
    enum PeersEstimate: UInt64, CaseIterable, Sendable {
        /// No live peer has checked the servers, or there is no gossip.
        case unknown = 0
        /// At least one peer sees as many usable servers as required.
        case enough = 1
        /// No peer sees enough usable servers, but one would if its failing servers counted.
        case uncertain = 2
        /// No peer sees enough servers, even if failing ones counted.
        case tooFew = 3
    }

    /// The reason for an answer.
    enum Cause: Equatable, Sendable {
        /// Every required proxy has its servers.
        case fit
        /// Every required proxy has its servers again, but not long enough yet.
        case recovering
        /// No check has decided yet.
        case starting
        /// The node drains: it forwards, but wants no new traffic.
        case draining
        /// The process is ending.
        case stopping
        /// The control thread is stalled.
        case stalled
        /// This many forwarding threads are stuck.
        case stuck(threads: Int)
        /// The required proxy of this index has too few usable servers, as this node sees them.
        case lacking(requirement: Int, usable: Int, PeersEstimate)
        /// The required proxy of this index has enough servers, but only this many of them are checked and usable.
        case unchecked(requirement: Int, usable: Int)
    }

    /// Whether the answer is 200, or an open port.
    var isPassing: Bool
    /// The reason.
    var cause: Cause

    /// Creates an answer from its parts.
    init(isPassing: Bool, _ cause: Cause) { (self.isPassing, self.cause) = (isPassing, cause) }

    /// The answer as one word; numbers that exceed their bits saturate.
    var word: UInt64 {
        let pass: UInt64 = isPassing ? 1 : 0
        return switch cause {
        case .fit: pass
        case .recovering: pass | 1 << 1
        case .starting: pass | 2 << 1
        case .draining: pass | 3 << 1
        case .stopping: pass | 4 << 1
        case .stalled: pass | 5 << 1
        case .stuck(let threads): pass | 6 << 1 | UInt64(UInt16(clamping: threads)) << 8
        case .lacking(let requirement, let usable, let peers):
            pass | 7 << 1 | UInt64(UInt16(clamping: requirement)) << 8 | peers.rawValue << 24 | UInt64(UInt32(clamping: usable)) << 32
        case .unchecked(let requirement, let usable): pass | 8 << 1 | UInt64(UInt16(clamping: requirement)) << 8 | UInt64(UInt32(clamping: usable)) << 32
        }
    }

    /// Decodes a word; an unknown cause gives a failing `starting`.
    init(word: UInt64) {
        isPassing = word & 1 == 1
        switch word >> 1 & 127 {
        case 0: cause = .fit
        case 1: cause = .recovering
        case 3: cause = .draining
        case 4: cause = .stopping
        case 5: cause = .stalled
        case 6: cause = .stuck(threads: Int(word >> 8 & 0xffff))
        case 7:
            let peers = PeersEstimate(rawValue: word >> 24 & 0xff) ?? .unknown
            cause = .lacking(requirement: Int(word >> 8 & 0xffff), usable: Int(word >> 32), peers)
        case 8: cause = .unchecked(requirement: Int(word >> 8 & 0xffff), usable: Int(word >> 32))
        default: (isPassing, cause) = (isPassing && word >> 1 & 127 == 2, .starting)
        }
    }
}

/// The numbers of servers of a required proxy.
struct ProbeCount: Equatable, Sendable {
    /// Servers that take sessions according to a check.
    var usable: Int
    /// Servers that would take sessions, but have no check result yet.
    var unchecked: Int
}

/// A requirement of a section, for texts.
struct ProbeRequirementName: Equatable, Sendable {
    /// The proxy.
    let proxy: String
    /// How many servers it must have.
    let serversMin: Int
}

extension ProbeAnswer {
    /// The reason as a sentence without its dot. `requirements` are those of the section.
    func reason(_ requirements: [ProbeRequirementName]) -> String {
        switch cause {
        case .fit: "every required proxy has enough usable servers"
        case .recovering: "the required servers are back, but for less than \(ProbeDecision.recovery.wholeMilliseconds / 1_000)s"
        case .starting: "this node is starting"
        case .draining: "this node is draining"
        case .stopping: "this node is stopping"
        case .stalled: "the control thread is stalled"
        case .stuck(let threads): "\(threads) \(threads == 1 ? "forwarding thread is" : "forwarding threads are") stuck"
        case .lacking(let index, let usable, let peers): shortage(requirements.indices.contains(index) ? requirements[index] : nil, usable) + Self.text(peers)
        case .unchecked(let index, let usable):
            shortage(requirements.indices.contains(index) ? requirements[index] : nil, usable) + "; first checks are running"
        }
    }

    private func shortage(_ requirement: ProbeRequirementName?, _ usable: Int) -> String {
        let found = "\(usable) usable \(usable == 1 ? "server" : "servers")"
        guard let requirement else { return "a required proxy: \(found)" }
        return "\(requirement.proxy): \(found), \(requirement.serversMin) required"
    }

    private static func text(_ peers: PeersEstimate) -> String {
        switch peers {
        case .unknown: ""
        case .enough: "; a peer sees enough"
        case .uncertain: "; the peers' views are changing"
        case .tooFew: "; no peer sees enough"
        }
    }

    /// One line of JSON: the status, a reason unless it is `fit`, and the counts of each required proxy.
    ///
    ///     {"status":"down","reason":"mysql: 0 usable servers, 1 required; no peer sees enough","proxies":{"mysql":{"usable":0,"unchecked":0,"required":1}}}
    func json(_ requirements: [ProbeRequirementName], _ counts: [ProbeCount]) -> String {
        var text = "{\"status\":\"\(isPassing ? "up" : "down")\""
        if !isPassing || cause != .fit { text += ",\"reason\":\"\(Self.escaped(reason(requirements)))\"" }
        let proxies = zip(requirements, counts).map { requirement, count in
            "\"\(Self.escaped(requirement.proxy))\":{\"usable\":\(count.usable),\"unchecked\":\(count.unchecked),\"required\":\(requirement.serversMin)}"
        }
        return text + ",\"proxies\":{\(proxies.joined(separator: ","))}}\n"
    }

    private static func escaped(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.shown.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { escaped.append("\\") }
            escaped.append(scalar)
        }
        return String(escaped)
    }
}
