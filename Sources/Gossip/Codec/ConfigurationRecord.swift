import Wire

/// A part of a configuration that should be equal on all nodes: a server, or the settings of a section.
package struct ConfigurationPart: Equatable, Sendable {
    /// The name in log lines: "server mysql/read01".
    package let name: String
    /// The first 4 bytes of SHA-256 of the name.
    package let id: UInt32
    /// The first 4 bytes of SHA-256 of the content.
    package let hash: UInt32

    /// Creates a part from its fields.
    package init(name: String, id: UInt32, hash: UInt32) { (self.name, self.id, self.hash) = (name, id, hash) }
}

/// Parts of a node's configuration as hashes. The receiver has the names of its own parts.
package struct ConfigurationRecord: Equatable, Sendable {
    /// The number of parts that fit into a datagram.
    package static let partsMax = 160

    /// A part as the wire carries it, without its name.
    package struct Part: Equatable, Sendable {
        /// The hash of the part's name.
        package var id: UInt32
        /// The hash of the part's content.
        package var hash: UInt32

        /// Creates a part from its hashes.
        package init(id: UInt32, hash: UInt32) { (self.id, self.hash) = (id, hash) }
    }

    /// The hash of the whole configuration.
    package var configuration: UInt64
    /// The number of parts in all records together.
    package var total: UInt16
    /// The position of `parts[0]` among all parts.
    package var first: UInt16
    /// One to `partsMax` parts.
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
