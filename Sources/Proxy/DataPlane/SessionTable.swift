import Glibc

// The hot path: a preallocated table, nothing here allocates, retains or releases.

/// A thread's sessions: a fixed table, addressed by index, with a free list.
struct SessionTable: ~Copyable {
    private let base: UnsafeMutablePointer<Session>
    private let extras: UnsafeMutablePointer<SessionExtras>
    /// How many sessions fit.
    let capacity: Int
    /// How many slots have ever been used: the rest of the table has not been touched.
    private(set) var used = 0
    /// How many sessions there are.
    private(set) var count = 0
    /// Free slots are linked through `nextReady`.
    private var free = UInt32.max

    /// A table for `capacity` sessions.
    init(capacity: Int) {
        self.capacity = capacity
        base = Slab.map(Session.self, count: capacity)
        extras = Slab.map(SessionExtras.self, count: capacity)
    }

    deinit {
        Slab.unmap(base, count: capacity)
        Slab.unmap(extras, count: capacity)
    }

    /// The slot at `index`, whatever is in it.
    subscript(index: Int) -> UnsafeMutablePointer<Session> {
        precondition(index >= 0 && index < capacity, "session \(index) of \(capacity)")
        return base + index
    }

    /// The extras of a session in this table. Reading them touches no memory until the session has written them.
    subscript(extrasOf session: UnsafeMutablePointer<Session>) -> SessionExtras {
        get { session.pointee.hasExtras ? extras[session - base] : SessionExtras() }
        nonmutating set {
            extras[session - base] = newValue
            session.pointee.hasExtras = true
        }
    }

    /// The session at `index` if it is still the one of `generation`.
    func session(at index: Int, generation: UInt32) -> UnsafeMutablePointer<Session>? {
        guard index < used else { return nil }
        let session = base + index
        return session.pointee.generation == generation && session.pointee.state != .free ? session : nil
    }

    /// Takes a free slot, all zero but for its generation; `nil` when the table is full. `isNew` tells that it has never been used.
    mutating func take() -> (index: Int, isNew: Bool)? {
        let index: Int
        let isNew = free == .max
        if isNew {
            guard used < capacity else { return nil }
            index = used
            used += 1
        } else {
            index = Int(free)
            free = base[index].nextReady
        }
        let generation = base[index].generation &+ 1
        memset(base + index, 0, MemoryLayout<Session>.stride)
        base[index].generation = generation & SessionToken.generationMask
        count += 1
        return (index, isNew)
    }

    /// Gives a slot back.
    mutating func release(_ index: Int) {
        precondition(base[index].state != .free, "session \(index) is free already")
        base[index].state = .free
        base[index].generation = (base[index].generation &+ 1) & SessionToken.generationMask
        base[index].nextReady = free
        free = UInt32(index)
        count -= 1
    }
}
