import Proxy

/// A `probe` section, which reports to the load balancer whether this node should get traffic.
struct ProbeSettings: Equatable, Sendable {
    /// The form of the answer.
    enum Mode: Equatable, Sendable {
        /// Connections are accepted or refused.
        case tcp
        /// GET and HEAD are answered 200 or 503.
        case http
    }

    /// The answer when no node sees enough servers.
    enum WhenNone: Equatable, Sendable {
        /// 200: failing would not help, because the load balancer has no better node.
        case pass
        /// 503.
        case fail
    }

    /// `require PROXY N`.
    struct Requirement: Equatable, Sendable {
        /// Index into the configuration's backends.
        var backend: Int
        /// How many of its servers must be usable, from 1.
        var serversMin: Int
    }

    /// The section's name.
    var name: String
    /// The addresses that the load balancer probes.
    var binds: [Bind] = []
    /// `mode`.
    var mode = Mode.tcp
    /// The requirements, all of which must be met.
    var requirements: [Requirement] = []
    /// `when-none`.
    var whenNone = WhenNone.pass
    /// `drain`: how long the ports stay open after the answer has turned to fail because the node drains.
    var drain = Duration.zero
}
