import Proxy

/// The state that runtime commands read and change: the agent's, or a test's.
protocol RuntimeTarget: AnyObject {
    /// The source of `show stat`, `show info` and similar commands.
    var statistics: any StatisticsSource { get }
    /// The server that a command names. Each command calls this once.
    func server(_ name: ServerName) throws(RuntimeTargetError) -> ServerReference
    /// Sets the administrative state of a server, on this node or in the cluster.
    func setState(_ state: AdministrativeState, of server: ServerReference, _ scope: CommandScope) throws(RuntimeTargetError) -> AnswerText
    /// Sets a server's weight, 0 to 256, on this node or in the cluster.
    func setWeight(_ weight: Int, of server: ServerReference, _ scope: CommandScope) throws(RuntimeTargetError) -> AnswerText
    /// A server's weight now and in the configuration.
    func weight(of server: ServerReference) -> RuntimeWeight
    /// The report about the gossip; `nil` without a `gossip` section.
    func gossipReport() -> GossipReport?
    /// The report about the databases; `nil` without a `database` section.
    func databaseReport() -> DatabaseOverview?
    /// The report about the probe sections; `nil` without one.
    func probeReport() -> ProbeReport?
    /// A table of how often, and why, sessions have left each server before it greeted them.
    func retriesReport() -> AnswerText
    /// Begins to drain, or reports the progress of a drain: one line.
    func drain(_ force: DrainForce) throws(RuntimeTargetError) -> String
    /// Cancels a drain that has not begun. Returns the answer.
    func cancelDrain() -> String
    /// Changes the keys of the gossip.
    func changeKeys(_ change: KeyChange) throws(RuntimeTargetError)
}

/// A server's weight.
struct RuntimeWeight: Equatable, Sendable {
    /// The present weight.
    var current: Int
    /// The configured weight.
    var initial: Int
    /// Whether the proxy's algorithm is static, so that only 0 and the configured weight can be set.
    var isStatic = false
}

/// Why a command failed.
enum RuntimeTargetError: Error, Equatable, Sendable {
    /// No backend has this name.
    case noSuchBackend
    /// The backend has no such server.
    case noSuchServer
    /// Another reason, as a sentence.
    case refused(String)

    /// The error as a sentence; HAProxy's for unknown names.
    var text: String {
        switch self {
        case .noSuchBackend: "No such backend."
        case .noSuchServer: "No such server."
        case .refused(let reason): reason
        }
    }
}

/// Whether an operator insists on a drain.
enum DrainForce: Equatable, Sendable {
    /// Refused while another node drains.
    case careful
    /// Never refused.
    case forced
}
