/// The last `capacity` servers that a session has tried.
struct TriedServers: BitwiseCopyable, Sendable {
    /// The most servers that are remembered.
    static let capacity = 8

    private var servers: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0, 0, 0, 0, 0)
    /// The number of remembered servers.
    private(set) var count: UInt8 = 0
    private var oldest: UInt8 = 0

    /// Creates an empty list.
    init() {}

    /// True when no server has been tried.
    var isEmpty: Bool { count == 0 }

    /// True when the next server replaces the oldest one.
    var isFull: Bool { count == Self.capacity }

    /// The server at `index` by age; 0 is the oldest.
    subscript(index: Int) -> UInt32 {
        withUnsafeBytes(of: servers) { $0.assumingMemoryBound(to: UInt32.self)[(Int(oldest) + index) % Self.capacity] }
    }

    /// The server that was tried last.
    var last: UInt32? { isEmpty ? nil : self[Int(count) - 1] }

    /// True when the list contains `server`.
    func contains(_ server: UInt32) -> Bool {
        for index in 0..<Int(count) where self[index] == server { return true }
        return false
    }

    /// Adds a server. When the list is full, the oldest server is removed.
    mutating func insert(_ server: UInt32) {
        guard !contains(server) else { return }
        let place = (Int(oldest) + Int(count)) % Self.capacity
        withUnsafeMutableBytes(of: &servers) { $0.assumingMemoryBound(to: UInt32.self)[place] = server }
        if isFull { oldest = UInt8((Int(oldest) + 1) % Self.capacity) } else { count += 1 }
    }
}
