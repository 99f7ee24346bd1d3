import Glibc
import LinuxIO
import Wire

/// The sockets of open DNS questions. Each question has its own connected socket and thus a random source port, and the kernel drops packets that do not come
/// from the nameserver's address.
///
/// Only the reactor's thread may use it.
package final class QuestionSockets {
    /// An event of a question's socket.
    package enum Event {
        /// A complete message has arrived. More may follow: the first one may be forged.
        case message([UInt8])
        /// The question could not be sent, or its connection has ended. Its socket is closed.
        case failed
    }

    /// The maximum size of a TCP message: two bytes of length and the length that they can express.
    private static let streamBytesMax = 2 + 65535
    /// The most datagrams read per socket and wake-up. A flood of forged ones must not block the loop.
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

    /// Creates the sockets' owner. It calls `handle` with a question's number and event from the reactor, never from within `ask`.
    package init(reactor: Reactor, _ handle: @escaping (UInt64, Event) -> Void) {
        self.reactor = reactor
        self.handle = handle
    }

    deinit { forgetAll() }

    /// The number of open sockets.
    package var count: Int { connections.count }

    /// Sends `question` to `address`. For TCP this only starts the connect.
    /// - Throws: an error when nothing was sent. The socket is closed, and `handle` is not called.
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

    /// Closes the socket of question `number`, if it is open.
    package func forget(_ number: UInt64) {
        guard let connection = connections.removeValue(forKey: number) else { return }
        reactor.unwatch(connection.file.raw)
    }

    /// Closes all sockets.
    package func forgetAll() {
        for number in connections.keys.sorted() { forget(number) }
    }

    /// Reads every socket that is ready. Call it before acting on a deadline: an answer that the loop has not handled yet is not a timeout.
    package func readWaiting() {
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
        // A connection carries one answer. The resolver has closed it by now, unless the message was not the answer.
        if connections[number] != nil { fail(number) }
    }

    private func fail(_ number: UInt64) {
        forget(number)
        handle(number, .failed)
    }
}
