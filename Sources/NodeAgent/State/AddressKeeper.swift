import LinuxIO
import Proxy
import Wire

/// Stores the addresses that nameservers report for servers' names: soon after a change, and each hour to keep the times recent.
final class AddressKeeper {
    /// The interval between checks for changes, which is also the minimum time between writes.
    static let pollInterval = Duration.seconds(5)
    /// How often unchanged addresses are written with their newer times.
    private static let refreshSeconds: Int64 = 3_600

    /// Resources that start-up has opened and read.
    struct Resources {
        /// The file.
        var store: StateStore<AddressMemory>
        /// The addresses read from the file, and those that start-up has found.
        var memory: AddressMemory
    }

    private let store: StateStore<AddressMemory>
    private let log: (LogLevel, String) -> Void
    private var memory: AddressMemory
    private var saved: AddressMemory?
    private var savedAt: Int64 = 0

    /// Stores the addresses that start-up has found; `log` gets a line when writing fails, and when it succeeds again.
    init(_ resources: Resources, log: @escaping (LogLevel, String) -> Void) {
        (store, memory) = (resources.store, resources.memory)
        self.log = log
    }

    /// Adds the addresses of `known`, and writes the file if they have changed or its times are old.
    ///
    /// - Parameters:
    ///   - now: the time on the clock of `known`.
    ///   - wall: the same time in seconds since 1970.
    func update(_ known: [KnownName], now: Instant, wall: Int64) {
        for name in known {
            memory.learn(.init(name: name.name, time: wall - name.lastValid.duration(to: now).components.seconds, entries: name.entries))
        }
        let isNew = saved.map { !$0.names.elementsEqual(memory.names) { ($0.name, $0.entries) == ($1.name, $1.entries) } } ?? true
        guard isNew || (saved != memory && wall - savedAt >= Self.refreshSeconds) else { return }
        if store.save(memory, log: log) { (saved, savedAt) = (memory, wall) }
    }
}
