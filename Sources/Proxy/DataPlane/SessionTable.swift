import Glibc

// The hot path: a preallocated table. This file never allocates, retains or releases.

/// A thread's sessions: a fixed table, addressed by index, with a free list.
struct SessionTable: ~Copyable {
    private let base: UnsafeMutablePointer<Session>
    private let extras: UnsafeMutablePointer<SessionExtras>
    /// The number of sessions that fit.
    let capacity: Int
    /// The number of slots that have ever been used. Memory beyond them is untouched.
    private(set) var used = 0
    /// The number of sessions.
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

    /// The slot at `index`, used or free.
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

    /// The index of a session in this table.
    func index(of session: UnsafeMutablePointer<Session>) -> Int { session - base }

    /// The session at `index`, or `nil` if the slot has been freed or reused since `generation`.
    func session(at index: Int, generation: UInt32) -> UnsafeMutablePointer<Session>? {
        guard index < used else { return nil }
        let session = base + index
        return session.pointee.generation == generation && session.pointee.state != .free ? session : nil
    }

    /// Takes a free slot, zeroed except for its generation. Returns `nil` when the table is full. `isNew` is true when the slot has never been used.
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

    /// Frees a slot.
    mutating func release(_ index: Int) {
        precondition(base[index].state != .free, "session \(index) is free already")
        base[index].state = .free
        base[index].generation = (base[index].generation &+ 1) & SessionToken.generationMask
        base[index].nextReady = free
        free = UInt32(index)
        count -= 1
    }
}
