/// What the helper process for external checks needs to know: which programs it may run, and as which user. The node passes it at the start.
///
///     flags, root, user, group, count, programs
///     a program:  backend, command, path, name, identifier, listener, count, servers
///     a server:   name, identifier, connectionsMax
///
/// Numbers have 4 bytes. A text is its length in 4 bytes and its bytes. The listener is an address as in `ExternalCheckRequest`. Before a value that may be
/// missing, one byte is 1, or 0 if it is missing.
package struct ExternalCheckTable: Equatable, Sendable {
    /// The limit on the bytes of a table.
    package static let bytesMax = 64 << 20

    /// A server as the programs see it.
    package struct Server: Equatable, Sendable {
        /// Its name.
        package var name: String
        /// Its number in the backend.
        package var identifier: UInt32
        /// `maxconn`; 0 for no limit.
        package var connectionsMax: UInt32

        /// Creates a server from its parts.
        package init(name: String, identifier: UInt32, connectionsMax: UInt32) {
            (self.name, self.identifier, self.connectionsMax) = (name, identifier, connectionsMax)
        }
    }

    /// The program of a proxy.
    package struct Program: Equatable, Sendable {
        /// The index of the backend in the node's configuration.
        package var backend: UInt32
        /// `external-check command`.
        package var command: String
        /// `external-check path`.
        package var path: String
        /// The proxy's name.
        package var proxyName: String
        /// The proxy's number.
        package var proxyIdentifier: UInt32
        /// The first address at which the proxy listens; `nil` for a backend.
        package var listener: SocketAddress?
        /// The servers, in the order of the configuration.
        package var servers: [Server]

        /// Creates a program from its parts.
        package init(
            backend: UInt32, command: String, path: String, proxyName: String, proxyIdentifier: UInt32, listener: SocketAddress?, servers: [Server]
        ) {
            (self.backend, self.command, self.path) = (backend, command, path)
            (self.proxyName, self.proxyIdentifier, self.listener, self.servers) = (proxyName, proxyIdentifier, listener, servers)
        }
    }

    /// `preserve-env`: programs get the helper's environment as well.
    package var keepsEnvironment = false
    /// The output of programs is discarded.
    package var discardsOutput = false
    /// The root directory of programs; `nil` for the node's.
    package var directory: String?
    /// The user to run programs as; `nil` for the node's.
    package var user: UInt32?
    /// The group to run programs as; `nil` for the node's.
    package var group: UInt32?
    /// The programs, at most one for each backend.
    package var programs: [Program] = []

    /// Creates a table without programs.
    package init() {}

    /// The encoded table.
    package var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.write((keepsEnvironment ? 1 : 0) | (discardsOutput ? 2 : 0))
        writer.write(optional: directory) { $0.write(text: $1) }
        for number in [user, group] { writer.write(optional: number) { $0.writeBigEndian($1) } }
        writer.writeBigEndian(UInt32(programs.count))
        for program in programs {
            writer.writeBigEndian(program.backend)
            for text in [program.command, program.path, program.proxyName] { writer.write(text: text) }
            writer.writeBigEndian(program.proxyIdentifier)
            writer.write(optional: program.listener) { $0.write($1) }
            writer.writeBigEndian(UInt32(program.servers.count))
            for server in program.servers {
                writer.write(text: server.name)
                writer.writeBigEndian(server.identifier)
                writer.writeBigEndian(server.connectionsMax)
            }
        }
        return writer.bytes
    }

    /// Decodes a table; `nil` if `bytes` are malformed.
    package init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard let flags = reader.readByte(), flags < 4, let directory = reader.readOptional({ $0.readText() }),
            let user = reader.readOptional({ $0.readNumber() }), let group = reader.readOptional({ $0.readNumber() }), let count = reader.readNumber()
        else { return nil }
        (keepsEnvironment, discardsOutput) = (flags & 1 != 0, flags & 2 != 0)
        (self.directory, self.user, self.group) = (directory, user, group)
        for _ in 0..<count {
            guard let program = Program(&reader) else { return nil }
            programs.append(program)
        }
        guard reader.isAtEnd else { return nil }
    }
}

extension ExternalCheckTable.Program {
    fileprivate init?(_ reader: inout ByteReader) {
        guard let backend = reader.readNumber(), let command = reader.readText(), let path = reader.readText(), let name = reader.readText(),
            let identifier = reader.readNumber(), let listener = reader.readOptional({ $0.readAddress() }), let count = reader.readNumber()
        else { return nil }
        var servers: [ExternalCheckTable.Server] = []
        for _ in 0..<count {
            guard let name = reader.readText(), let identifier = reader.readNumber(), let connectionsMax = reader.readNumber() else { return nil }
            servers.append(.init(name: name, identifier: identifier, connectionsMax: connectionsMax))
        }
        self.init(
            backend: backend, command: command, path: path, proxyName: name, proxyIdentifier: identifier, listener: listener, servers: servers)
    }
}

extension ByteWriter {
    fileprivate mutating func write(text: String) {
        writeBigEndian(UInt32(text.utf8.count))
        write(text.utf8)
    }

    fileprivate mutating func write<Value>(optional value: Value?, _ body: (inout ByteWriter, Value) -> Void) {
        write(value == nil ? 0 : 1)
        if let value { body(&self, value) }
    }
}

extension ByteReader {
    fileprivate mutating func readNumber() -> UInt32? { readBigEndian() }

    fileprivate mutating func readText() -> String? {
        guard let count = readNumber(), let bytes = readBytes(Int(count)) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads a value that may be missing; `nil` if the bytes are malformed.
    fileprivate mutating func readOptional<Value>(_ body: (inout ByteReader) -> Value?) -> Value?? {
        switch readByte() {
        case 0: return .some(nil)
        case 1: return body(&self).map { .some($0) }
        default: return nil
        }
    }
}
