/// The latest `capacity` servers that a session has tried.
struct TriedServers: BitwiseCopyable, Sendable {
    /// The most that are remembered.
    static let capacity = 8

    private var servers: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0, 0, 0, 0, 0)
    /// How many are remembered.
    private(set) var count: UInt8 = 0
    private var oldest: UInt8 = 0

    /// None.
    init() {}

    /// True when none has been tried.
    var isEmpty: Bool { count == 0 }

    /// True when as many have been tried as can be remembered.
    var isFull: Bool { count == Self.capacity }

    /// One of them, by age: 0 is the oldest.
    subscript(index: Int) -> UInt32 {
        withUnsafeBytes(of: servers) { $0.assumingMemoryBound(to: UInt32.self)[(Int(oldest) + index) % Self.capacity] }
    }

    /// The one that was tried last.
    var last: UInt32? { isEmpty ? nil : self[Int(count) - 1] }

    /// True when `server` is one of them.
    func contains(_ server: UInt32) -> Bool {
        for index in 0..<Int(count) where self[index] == server { return true }
        return false
    }

    /// Remembers a server; when the list is full, the oldest one is forgotten.
    mutating func insert(_ server: UInt32) {
        guard !contains(server) else { return }
        let place = (Int(oldest) + Int(count)) % Self.capacity
        withUnsafeMutableBytes(of: &servers) { $0.assumingMemoryBound(to: UInt32.self)[place] = server }
        if isFull { oldest = UInt8((Int(oldest) + 1) % Self.capacity) } else { count += 1 }
    }
}
