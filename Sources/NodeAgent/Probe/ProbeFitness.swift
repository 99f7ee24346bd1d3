import LinuxIO
import Synchronization

/// What the probe's thread reads: the control thread writes it, nobody waits for anybody.
final class ProbeFitness: Sendable {
    private final class UsableServers: Sendable {
        let name: String
        let count = Atomic<Int>(0)
        init(name: String) { self.name = name }
    }

    private let backends: [UsableServers]
    private let stopping = Atomic<Bool>(false)
    /// Wakes the probe's thread, which then looks again.
    let change: WakeUp

    /// No server is usable yet, in any of these backends (all of the configuration's, in its order).
    init(backendNames: [String]) throws(SystemError) {
        backends = backendNames.map { UsableServers(name: $0) }
        change = try WakeUp()
    }

    /// Tells how many servers of backend `index` could take a session now.
    func setUsable(_ count: Int, backend index: Int) {
        guard backends[index].count.exchange(count, ordering: .relaxed) != count else { return }
        change.signal()
    }

    /// Tells that this node is stopping: it should get no new traffic.
    func setStopping() {
        stopping.store(true, ordering: .relaxed)
        change.signal()
    }

    /// Whether a probe with `requirements` should pass.
    func verdict(for requirements: [ProbeSettings.Requirement]) -> ProbeVerdict {
        if stopping.load(ordering: .relaxed) { return .unfit(reason: "this node is stopping") }
        for requirement in requirements where backends.indices.contains(requirement.backend) {
            let backend = backends[requirement.backend]
            let usable = backend.count.load(ordering: .relaxed)
            guard usable < requirement.serversMin else { continue }
            let noun = requirement.serversMin == 1 ? "server" : "servers"
            return .unfit(reason: "\(backend.name) has \(usable) of \(requirement.serversMin) required \(noun)")
        }
        return .fit
    }
}

/// Whether this node should get traffic.
enum ProbeVerdict: Equatable, Sendable {
    /// Yes.
    case fit
    /// No, because of this.
    case unfit(reason: String)

    /// `{"status":"up"}` or `{"status":"down","reason":"…"}`, with a newline.
    var json: String {
        switch self {
        case .fit: "{\"status\":\"up\"}\n"
        case .unfit(let reason): "{\"status\":\"down\",\"reason\":\"\(Self.escaped(reason))\"}\n"
        }
    }

    private static func escaped(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars where scalar.value >= 32 {
            if scalar == "\"" || scalar == "\\" { escaped.append("\\") }
            escaped.append(scalar)
        }
        return String(escaped)
    }
}
