import Glibc
import LinuxIO
import Wire

/// The sockets of open DNS questions: one for each, connected, so that each question has a random source port and the kernel drops what
/// comes from any other address than the nameserver's.
///
/// One thread owns it: the reactor's.
package final class QuestionSockets {
    /// What comes of a question.
    package enum Event {
        /// A whole message came to its socket. More can come: the first may be forged.
        case message([UInt8])
        /// It could not be sent, or its connection has ended. Its socket is closed.
        case failed
    }

    /// A TCP message: two bytes of length, and as many as they can say.
    private static let streamBytesMax = 2 + 65535
    /// Datagrams read of one socket per wake-up; a flood of forged ones must not hold the loop up.
    private static let datagramsMax = 16

    private final class Connection {
        let file: OpenFile
        let transport: QuestionTransport
        var unsent: ArraySlice<UInt8>
        var received: [UInt8] = []

        init(_ file: OpenFile, _ transport: QuestionTransport, _ unsent: [UInt8]) {
            self.file = file
            self.transport = transport
            self.unsent = unsent[...]
        }
    }

    private let reactor: Reactor
    private let handle: (UInt64, Event) -> Void
    private var connections: [UInt64: Connection] = [:]

    /// Calls `handle` with a question's number and what came of it, from the reactor and never from within `ask`.
    package init(reactor: Reactor, _ handle: @escaping (UInt64, Event) -> Void) {
        self.reactor = reactor
        self.handle = handle
    }

    deinit { forgetAll() }

    /// How many sockets are open.
    package var count: Int { connections.count }

    /// Sends `question` to `address`. A TCP connection only begins.
    /// - Throws: nothing was sent and nothing is kept; `handle` is not called for it.
    package func ask(_ question: NameserverQuestion, of address: SocketAddress) throws(SystemError) {
        precondition(connections[question.number] == nil, "question \(question.number) is asked already")
        let kind = question.transport == .udp ? SocketKind.datagram : .stream
        let file = OpenFile(try Sockets.open(kind, for: address))
        _ = try Sockets.connect(file.raw, to: address)
        var unsent = ByteWriter()
        switch question.transport {
        case .udp:
            guard try Sockets.send(file.raw, question.bytes[...]) == question.bytes.count else { throw SystemError("send", code: EAGAIN) }
        case .tcp:
            unsent.writeBigEndian(UInt16(question.bytes.count))
            unsent.write(question.bytes)
        }
        let connection = Connection(file, question.transport, unsent.bytes)
        let number = question.number
        try reactor.watch(file.raw, for: question.transport == .tcp ? .write : .read) { [weak self] _ in self?.ready(number) }
        connections[number] = connection
    }

    /// Closes the socket of question `number`, if it is still open.
    package func forget(_ number: UInt64) {
        guard let connection = connections.removeValue(forKey: number) else { return }
        reactor.unwatch(connection.file.raw)
    }

    /// Closes all sockets.
    package func forgetAll() {
        for number in connections.keys.sorted() { forget(number) }
    }

    /// Reads every socket that is ready. Call it before acting on a deadline: an answer that the loop has not handled yet is not silence.
    package func takeWaiting() {
        for (number, connection) in connections.sorted(by: { $0.key < $1.key }) where !Interest.ready(connection.file.raw, for: .read).isEmpty {
            ready(number)
        }
    }

    private func ready(_ number: UInt64) {
        guard let connection = connections[number] else { return }
        do throws(SystemError) {
            switch connection.transport {
            case .udp: try receiveDatagrams(number, connection)
            case .tcp: try exchange(number, connection)
            }
        } catch {
            fail(number)
        }
    }

    private func receiveDatagrams(_ number: UInt64, _ connection: Connection) throws(SystemError) {
        for _ in 0..<QuestionSockets.datagramsMax {
            guard connections[number] != nil, let message = try Sockets.receive(connection.file.raw, upTo: 65535) else { return }
            handle(number, .message(message))
        }
    }

    private func exchange(_ number: UInt64, _ connection: Connection) throws(SystemError) {
        guard connection.unsent.isEmpty else {
            let sent = try Sockets.send(connection.file.raw, connection.unsent)
            connection.unsent = connection.unsent.dropFirst(sent)
            if connection.unsent.isEmpty { try reactor.rewatch(connection.file.raw, for: .read) }
            return
        }
        guard let bytes = try Sockets.receive(connection.file.raw, upTo: QuestionSockets.streamBytesMax - connection.received.count) else { return }
        guard !bytes.isEmpty else { return fail(number) }
        connection.received += bytes
        var reader = ByteReader(connection.received)
        guard let length = reader.readBigEndian(UInt16.self), let message = reader.readBytes(Int(length)) else { return }
        handle(number, .message(Array(message)))
        // One answer is all that a connection is for. The core has forgotten it, unless the message was not the answer.
        if connections[number] != nil { fail(number) }
    }

    private func fail(_ number: UInt64) {
        forget(number)
        handle(number, .failed)
    }
}
