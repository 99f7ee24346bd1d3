/// A node of the cluster.
package struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The first 8 bytes of SHA-256 of the node's name.
    package let number: UInt64

    /// Creates the identifier from its number.
    package init(_ number: UInt64) { self.number = number }

    /// Orders by number, which gives every node the same order.
    package static func < (left: NodeID, right: NodeID) -> Bool { left.number < right.number }

    /// The number in sixteen hexadecimal digits.
    package var description: String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// A server as the configuration names it: the first 8 bytes of SHA-256(proxy, server name, configured name, port).
package struct ServerID: Hashable, Comparable, Sendable {
    /// The hash.
    package let number: UInt64

    /// Creates the identifier from its hash.
    package init(_ number: UInt64) { self.number = number }

    /// Orders by hash.
    package static func < (left: ServerID, right: ServerID) -> Bool { left.number < right.number }
}
