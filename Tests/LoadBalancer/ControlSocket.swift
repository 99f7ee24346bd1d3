import CLinux
import LinuxIO
import Wire

/// A UNIX socket that takes one command per connection, a line, and answers it.
final class ControlSocket {
    private static let connectionsMax = 16
    private static let commandBytesMax = 256

    private let listener: OpenFile
    private let reactor: Reactor
    private let obey: (String) -> String
    private var connections: [Int32: (file: OpenFile, bytes: [UInt8])] = [:]

    /// Listens at `path`, which must not exist.
    init(_ path: String, reactor: Reactor, obey: @escaping (String) -> String) throws(SystemError) {
        (self.reactor, self.obey) = (reactor, obey)
        listener = OpenFile(try Sockets.open(.stream, for: .unix(path)))
        try Sockets.bind(listener.raw, to: .unix(path))
        try Sockets.listen(listener.raw, backlog: 16)
        try reactor.watch(listener.raw, for: .read) { [weak self] _ in self?.accept() }
    }

    private func accept() {
        guard let accepted = try? Sockets.accept(listener.raw), connections.count < Self.connectionsMax else { return }
        let file = OpenFile(accepted)
        guard (try? reactor.watch(file.raw, for: .read, { [weak self] _ in self?.read(file.raw) })) != nil else { return }
        connections[file.raw] = (file, [])
    }

    private func read(_ raw: Int32) {
        guard var connection = connections[raw] else { return }
        let received = try? Sockets.receive(raw, upTo: Self.commandBytesMax)
        connection.bytes += received ?? []
        if let end = connection.bytes.firstIndex(of: 0x0a) {
            let answer = obey(String(decoding: connection.bytes[..<end], as: UTF8.self))
            _ = try? Sockets.send(raw, Array(answer.utf8)[...])
        } else if received?.isEmpty == false, connection.bytes.count <= Self.commandBytesMax {
            connections[raw] = connection
            return
        }
        reactor.unwatch(raw)
        connections[raw] = nil
    }
}
