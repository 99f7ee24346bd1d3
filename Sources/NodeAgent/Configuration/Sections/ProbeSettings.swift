import Proxy

/// A `probe` section: what tells the load balancer whether this node should get traffic.
struct ProbeSettings: Equatable, Sendable {
    /// How the answer is given.
    enum Mode: Equatable, Sendable {
        /// Connections are accepted or refused.
        case tcp
        /// GET and HEAD are answered 200 or 503.
        case http
    }

    /// What is answered when no node sees enough servers.
    enum WhenNone: Equatable, Sendable {
        /// 200: the load balancer can do nothing better than what it does.
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
    /// Where the load balancer asks.
    var binds: [Bind] = []
    /// `mode`.
    var mode = Mode.tcp
    /// What must hold, all of it.
    var requirements: [Requirement] = []
    /// `when-none`.
    var whenNone = WhenNone.pass
    /// `drain`: how long the ports keep forwarding after the answer has turned to fail because the node drains.
    var drain = Duration.zero
}
