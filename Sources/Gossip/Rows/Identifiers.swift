/// Which of a node, and which run of it: the order of everything it says.
package struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The first 8 bytes of SHA-256(node name).
    package let number: UInt64

    /// A node by its number.
    package init(_ number: UInt64) { self.number = number }

    /// Orders by number, so that every node decides alike.
    package static func < (left: NodeID, right: NodeID) -> Bool { left.number < right.number }

    /// Sixteen hexadecimal digits.
    package var description: String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// A server of a proxy as the configuration names it: the first 8 bytes of SHA-256(proxy, server name, configured name, port).
package struct ServerID: Hashable, Comparable, Sendable {
    /// The hash.
    package let number: UInt64

    /// A server by its hash.
    package init(_ number: UInt64) { self.number = number }

    /// Orders by hash.
    package static func < (left: ServerID, right: ServerID) -> Bool { left.number < right.number }
}
