import Proxy

/// What the runtime commands look at and change: the agent, or a test's stand-in.
protocol RuntimeTarget: AnyObject {
    /// What `show stat`, `show info` and the like tell.
    var statistics: any StatisticsSource { get }
    /// The server that a command names. Each command asks once.
    func server(_ name: ServerName) throws(RuntimeTargetError) -> ServerReference
    /// Puts a server into a state, as an operator's wish, here or everywhere.
    func setState(_ state: AdministrativeState, of server: ServerReference, _ reach: RuntimeReach) throws(RuntimeTargetError) -> AnswerText
    /// Sets a server's weight, 0 to 256, here or everywhere.
    func setWeight(_ weight: Int, of server: ServerReference, _ reach: RuntimeReach) throws(RuntimeTargetError) -> AnswerText
    /// A server's weight now and in the configuration.
    func weight(of server: ServerReference) -> RuntimeWeight
    /// What is to be told of the gossip; `nil` for a node without.
    func gossipReport() -> GossipReport?
    /// What is to be told of the databases; `nil` for a node without a `database` section.
    func databaseReport() -> DatabaseOverview?
    /// What is to be told of the probe sections; `nil` for a node without.
    func probeReport() -> ProbeReport?
    /// How often sessions have left each server before it greeted them, and why: a table.
    func retriesReport() -> AnswerText
    /// Begins to drain, or tells how far it is: a line.
    func drain(_ force: DrainForce) throws(RuntimeTargetError) -> String
    /// Gives up a drain that has not begun. Returns the answer.
    func cancelDrain() -> String
    /// Changes the keys of the gossip.
    func changeKeys(_ change: KeyChange) throws(RuntimeTargetError)
}

/// A server's weight.
struct RuntimeWeight: Equatable, Sendable {
    /// As it was last set.
    var current: Int
    /// As the configuration has it.
    var initial: Int
}

/// Why a command changed nothing.
enum RuntimeTargetError: Error, Equatable, Sendable {
    /// No backend has this name.
    case noSuchBackend
    /// The backend has no such server.
    case noSuchServer
    /// Anything else, in a sentence.
    case refused(String)

    /// HAProxy's sentence.
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
