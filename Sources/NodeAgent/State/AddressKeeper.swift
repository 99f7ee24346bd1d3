import LinuxIO
import Proxy
import Wire

/// Writes down what nameservers say of the names of servers: soon after it has changed, and each hour so that the times stay near.
final class AddressKeeper {
    /// Between looks at what is known, and so between writes.
    static let lookInterval = Duration.seconds(5)
    /// What has not changed is written with its newer time this often.
    private static let refreshSeconds: Int64 = 3_600

    /// What start-up has opened and read.
    struct Resources {
        /// Where it is written.
        var store: StateStore<AddressMemory>
        /// What is known: read from the file, and what the start has found.
        var memory: AddressMemory
    }

    private let store: StateStore<AddressMemory>
    private let log: (LogLevel, String) -> Void
    private var memory: AddressMemory
    private var saved: AddressMemory?
    private var savedAt: Int64 = 0

    /// Keeps what start-up has found; `log` is told when it cannot be written, and when it can again.
    init(_ resources: Resources, log: @escaping (LogLevel, String) -> Void) {
        (store, memory) = (resources.store, resources.memory)
        self.log = log
    }

    /// Looks at what nameservers have said, and writes it down if that is worth it.
    ///
    /// - Parameters:
    ///   - now: the time by which `known` counts.
    ///   - wall: the same moment in seconds since 1970.
    func look(_ known: [KnownName], now: Instant, wall: Int64) {
        for name in known {
            memory.learn(.init(name: name.name, time: wall - name.lastValid.duration(to: now).components.seconds, entries: name.entries))
        }
        let isNew = saved.map { !$0.names.elementsEqual(memory.names) { ($0.name, $0.entries) == ($1.name, $1.entries) } } ?? true
        guard isNew || (saved != memory && wall - savedAt >= Self.refreshSeconds) else { return }
        if store.save(memory, log: log) { (saved, savedAt) = (memory, wall) }
    }
}
