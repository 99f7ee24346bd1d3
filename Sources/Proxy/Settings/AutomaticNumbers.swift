/// HAProxy's numbering of servers and listeners (`id`).
package enum AutomaticNumbers {
    /// The numbers of a section's servers or listeners, in the order of the file. Those without a fixed number get the next free one; each entry advances the
    /// count by one, also an entry with a fixed number.
    package static func assign(fixed: [Int?]) -> [Int] {
        var used = Set(fixed.compactMap(\.self))
        var next = 1
        return fixed.map { number in
            defer { next += 1 }
            if let number { return number }
            while !used.insert(next).inserted { next += 1 }
            return next
        }
    }
}
