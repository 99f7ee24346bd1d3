import LinuxIO
import Proxy
import Wire

extension Agent {
    /// What start-up has opened and found out.
    struct Resources: ~Copyable {
        /// Valid.
        var configuration: AgentConfiguration
        /// By thread.
        var listeners: [[ThreadListener]]
        /// Open stats sockets.
        var statsSockets: [StatsSocket]
        /// Open probe sockets.
        var probePorts: [ProbePort]
        /// Each server's address at the start, by backend; `nil` for one that waits for its resolver.
        var addresses: [[SocketAddress?]]
        /// Where lines go.
        var logPlan: LogPlan
        /// The descriptor limit, and how many sessions and pipes it allows.
        var limits: Limits.Plan
        /// The node's name.
        var node: String
        /// What the `gossip` section needs; `nil` without one.
        var gossip: GossipRunner.Resources?
        /// Names that were looked up.
        var names: [NameQuestion: IPAddress] = [:]
        /// What an earlier process answered to load balancers.
        var probes: [String: ProbeMemory] = [:]
        /// What an earlier process knew of the servers.
        var servers: [ServerName: ServerMemory] = [:]
        /// What names had not too long ago, for those that nameservers do not answer for.
        var rememberedAddresses = AddressMemory()
        /// Where that is written; `nil` without a `state-dir`.
        var addressKeeper: AddressKeeper.Resources?
        /// How each backend's databases are asked; `nil` without a `database` section.
        var databases: [DatabaseAccess?] = []
        /// Whom an earlier process sent writes to, by proxy.
        var writers: [String: WriterMemory] = [:]
        /// The files that the configuration was read from.
        var configurationFiles: [(name: String, bytes: [UInt8])] = []
        /// Whether lines about servers also go to stderr.
        var tellsTerminal = false

        /// Every bound socket.
        var boundSockets: [OpenFile] {
            var files: [OpenFile] = []
            var known: Set<ObjectIdentifier> = []
            for file in listeners.joined().map(\.file) where known.insert(ObjectIdentifier(file)).inserted { files.append(file) }
            files += probePorts.flatMap(\.listeners) + statsSockets.map(\.file)
            if let socket = gossip?.socket { files.append(socket.file) }
            return files
        }
    }
}
