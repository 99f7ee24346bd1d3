import Wire

/// A part of a configuration that should be equal on all nodes: a server, or the settings of the section itself.
package struct ConfigurationPart: Equatable, Sendable {
    /// For log lines: "server mysql/read01".
    package let name: String
    /// The first 4 bytes of SHA-256 of the name.
    package let id: UInt32
    /// The first 4 bytes of SHA-256 of the content.
    package let hash: UInt32

    /// A part from its fields.
    package init(name: String, id: UInt32, hash: UInt32) { (self.name, self.id, self.hash) = (name, id, hash) }
}

/// Some parts of a node's configuration, by their hashes only: the receiver knows the names of its own parts.
package struct ConfigurationRecord: Equatable, Sendable {
    /// As many parts as a datagram holds.
    package static let partsMax = 160

    /// One part without its name.
    package struct Part: Equatable, Sendable {
        /// The hash of its name.
        package var id: UInt32
        /// The hash of its content.
        package var hash: UInt32

        /// A part from its numbers.
        package init(id: UInt32, hash: UInt32) { (self.id, self.hash) = (id, hash) }
    }

    /// The hash of the whole configuration.
    package var configuration: UInt64
    /// The number of parts in all records together.
    package var total: UInt16
    /// The index of the first of `parts` among all.
    package var first: UInt16
    /// At most `partsMax`.
    package var parts: [Part]

    /// A record from its fields.
    package init(configuration: UInt64, total: UInt16, first: UInt16, parts: [Part]) {
        (self.configuration, self.total, self.first, self.parts) = (configuration, total, first, parts)
    }

    func write(to bytes: inout [UInt8]) {
        bytes.write(configuration)
        bytes.write(total)
        bytes.write(first)
        for part in parts {
            bytes.write(part.id)
            bytes.write(part.hash)
        }
    }

    init?(_ reader: inout ByteReader) {
        guard let configuration: UInt64 = reader.readBigEndian(), let total: UInt16 = reader.readBigEndian(), let first: UInt16 = reader.readBigEndian(),
            total <= GossipLimits.configurationPartsMax, first <= total
        else { return nil }
        var parts: [Part] = []
        while parts.count < min(Self.partsMax, Int(total - first)), let id: UInt32 = reader.readBigEndian(), let hash: UInt32 = reader.readBigEndian() {
            parts.append(Part(id: id, hash: hash))
        }
        guard !parts.isEmpty else { return nil }
        self.init(configuration: configuration, total: total, first: first, parts: parts)
    }
}
