import LinuxIO
import Proxy
import Wire

extension Agent {
    /// What start-up has opened, read and resolved.
    struct Resources: ~Copyable {
        /// The validated configuration.
        var configuration: AgentConfiguration
        /// By thread.
        var listeners: [[ThreadListener]]
        /// Open stats sockets.
        var statsSockets: [StatsSocket]
        /// Open probe sockets.
        var probePorts: [ProbePort]
        /// Each server's address at the start, by backend; `nil` for a server that waits for its resolver.
        var addresses: [[SocketAddress?]]
        /// Log destinations, and which proxy uses which.
        var logPlan: LogPlan
        /// The descriptor limit, and the number of sessions and pipes that it allows.
        var limits: Limits.Plan
        /// The node's name.
        var node: String
        /// What the `gossip` section needs; `nil` without one.
        var gossip: GossipRunner.Resources?
        /// Addresses of the names that start-up resolved.
        var names: [NameQuestion: IPAddress] = [:]
        /// The probe answers of the predecessor, by section.
        var probes: [String: ProbeMemory] = [:]
        /// The server states of the predecessor.
        var servers: [ServerName: ServerMemory] = [:]
        /// Recent addresses of names, for use while the nameservers do not answer.
        var rememberedAddresses = AddressMemory()
        /// The store of `rememberedAddresses`; `nil` without a `state-dir`.
        var addressKeeper: AddressKeeper.Resources?
        /// How each backend's databases are queried; `nil` for a backend without a `database` section.
        var databases: [DatabaseAccess?] = []
        /// The network namespaces of servers.
        var namespaces = NetworkNamespaces()
        /// The helper process of external checks; `nil` without one.
        var externalPrograms: ExternalPrograms?
        /// The writers of the predecessor, by proxy.
        var writers: [String: WriterMemory] = [:]
        /// The files that make up the configuration.
        var configurationFiles: [(name: String, bytes: [UInt8])] = []
        /// Whether lines about servers also go to stderr.
        var logsToTerminal = false

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
