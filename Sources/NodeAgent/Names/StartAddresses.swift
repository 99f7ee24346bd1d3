import LinuxIO
import Proxy
import Wire

/// The stored addresses of names at start-up, and their store.
struct StartAddresses {
    /// The known addresses.
    private(set) var memory = AddressMemory()
    /// The time of the start, in seconds since 1970.
    let time = WallTime.now().seconds
    private let store: StateStore<AddressMemory>?

    /// Opens and reads the file if the configuration has a `state-dir`. A file that cannot be used causes a warning.
    init(_ configuration: AgentConfiguration, node: String, owner: FileOwner) throws(StartError) {
        guard let path = Self.directory(configuration) else {
            store = nil
            return
        }
        let store = try StateStore<AddressMemory>(path: path, node: node, owner: owner)
        self.store = store
        let (memory, warning) = store.load()
        if let memory { self.memory = memory }
        if let warning { Terminal.report(.warning, warning) }
        self.memory.keep(Set(configuration.names.compactMap { DNSName($0) }))
    }

    /// Checks the state directory, for `-c`.
    static func check(_ configuration: AgentConfiguration, owner: FileOwner) throws(StartError) {
        if let path = directory(configuration) { _ = try StateFolder(path, owner: owner) }
    }

    private static func directory(_ configuration: AgentConfiguration) -> String? {
        configuration.global.stateDirectory ?? configuration.gossip?.stateDirectory
    }

    /// Adds the addresses that the start has found.
    mutating func learn(_ found: [AddressMemory.Known]) { for known in found { memory.learn(known) } }

    /// The resources of the keeper, which stores addresses after the start; `nil` without a `state-dir`.
    var resources: AddressKeeper.Resources? { store.map { AddressKeeper.Resources(store: $0, memory: memory) } }
}
