import CLinux
import Glibc
import Wire

/// The result of sending a datagram.
package enum DatagramSending: Equatable, Sendable {
    /// The kernel has accepted it.
    case sent
    /// The kernel has no room at present; the caller treats the datagram as lost on the way.
    case wouldBlock
    /// The datagram cannot be sent: no route, an address of the other family, a firewall.
    case failed(SystemError)
}

/// A bound, non-blocking UDP socket that receives in batches.
///
/// Only one thread uses it. All memory is allocated once: a batch is received into one array, and the handler gets slices of it.
package final class DatagramSocket {
    /// The most datagrams of one `receive` call.
    package static let batchMax = 32
    /// The limit on a datagram in bytes; longer ones are cut.
    package static let datagramBytesMax = 2_048
    /// The limit on errors of earlier sends that one `receive` call skips.
    private static let reportsMax = 64

    /// The socket.
    package let file: OpenFile
    private var bytes = [UInt8](repeating: 0, count: batchMax * datagramBytesMax)
    private let received: UnsafeMutableBufferPointer<clinux_received>

    /// The number of datagrams longer than `datagramBytesMax`. The handler gets their first `datagramBytesMax` bytes.
    package private(set) var truncatedCount: UInt64 = 0

    /// Opens a socket at `address`; with port 0 the kernel chooses one. An IPv6 socket receives IPv6 only.
    ///
    /// - Parameter receiveBuffer: the size of the kernel's receive buffer in bytes. A value above the system's limit needs CAP_NET_ADMIN.
    package init(bind address: SocketAddress, receiveBuffer: Int) throws(SystemError) {
        file = OpenFile(try Sockets.open(.datagram, for: address))
        received = .allocate(capacity: DatagramSocket.batchMax)
        received.initialize(repeating: clinux_received())
        if case .ip(.v6, _) = address { try Sockets.set(IPV6_V6ONLY, at: Int32(IPPROTO_IPV6), to: 1, on: file.raw) }
        let wanted = Int32(clamping: receiveBuffer)
        do {
            try Sockets.set(SO_RCVBUFFORCE, at: SOL_SOCKET, to: wanted, on: file.raw)
        } catch {
            try Sockets.set(SO_RCVBUF, at: SOL_SOCKET, to: wanted, on: file.raw)
        }
        try Sockets.bind(file.raw, to: address)
    }

    /// Takes over a bound socket of an earlier process, with its waiting datagrams.
    package init(adopting file: OpenFile) {
        self.file = file
        received = .allocate(capacity: DatagramSocket.batchMax)
        received.initialize(repeating: clinux_received())
    }

    deinit { received.deallocate() }

    /// The descriptor's number, for polling.
    package var raw: Int32 { file.raw }

    /// The bound address, with the port that the kernel chose.
    package var localAddress: SocketAddress? { Sockets.localAddress(raw) }

    /// Two bytes that every accepted datagram contains.
    package struct ExpectedBytes: Equatable, Sendable {
        /// The offset from the datagram's first byte.
        package var offset: UInt16
        /// The two bytes, in network byte order.
        package var value: UInt16

        /// Creates the expectation.
        package init(offset: UInt16, value: UInt16) { (self.offset, self.value) = (offset, value) }
    }

    /// Makes the kernel drop every datagram that lacks any of `expected` (at most 16) or is too short for it, so that unrelated datagrams cost the receiving
    /// thread nothing. Datagrams that already wait stay. Dropped ones appear in `droppedCount` only.
    package func accept(only expected: [ExpectedBytes]) throws(SystemError) {
        let pairs = expected.map { clinux_expected(offset: $0.offset, value: $0.value) }
        let result = clinux_filter_datagrams(raw, pairs, UInt32(clamping: pairs.count))
        guard result == 0 else { throw SystemError("setsockopt", code: -result) }
    }

    /// The number of datagrams, modulo 2^32, that the kernel dropped because the buffer was full or because of `accept(only:)`; `nil` when the kernel does not
    /// report it.
    package var droppedCount: UInt32? {
        var dropped: UInt32 = 0
        return clinux_dropped_datagrams(raw, &dropped) == 0 ? dropped : nil
    }

    /// Receives a batch and calls `handler` with each datagram and its source, in order of arrival.
    ///
    /// A handler that keeps a slice causes a copy of the whole batch. It may send, but must not receive.
    ///
    /// - Returns: the number of datagrams; 0 when none waits. The caller repeats the call until then.
    /// - Throws: errors of the socket itself, but not ICMP errors of datagrams sent earlier.
    package func receive(_ handler: (ArraySlice<UInt8>, SocketAddress) -> Void) throws(SystemError) -> Int {
        let count = try fill()
        for index in 0..<count {
            if received[index].is_truncated != 0 { truncatedCount += 1 }
            let start = index * DatagramSocket.datagramBytesMax
            handler(bytes[start..<start + Int(received[index].count)], source(index))
        }
        return count
    }

    private func fill() throws(SystemError) -> Int {
        var reports = 0
        while true {
            let count = bytes.withUnsafeMutableBytes {
                clinux_receive_datagrams(
                    file.raw, $0.baseAddress, UInt32(DatagramSocket.datagramBytesMax), received.baseAddress, UInt32(DatagramSocket.batchMax))
            }
            switch -count {
            case ...0:
                return Int(count)
            case EAGAIN:
                return 0
            case EINTR, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE, ENOPROTOOPT, EPROTO, EHOSTDOWN, EACCES:
                reports += 1
                guard reports < DatagramSocket.reportsMax else { return 0 }
            default:
                throw SystemError("recvmmsg", code: -count)
            }
        }
    }

    /// An Internet socket only reports Internet addresses. Any other value becomes an address that no peer has.
    private func source(_ index: Int) -> SocketAddress {
        RawSocketAddress(received[index].from, length: received[index].from_length).address ?? .unix("")
    }

    /// Sends a datagram without waiting.
    package func send(_ datagram: ArraySlice<UInt8>, to address: SocketAddress) -> DatagramSending {
        let raw = raw
        let sent = RawSocketAddress(address).withPointer { address, length in
            datagram.withUnsafeBytes { sendto(raw, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL), address, length) }
        }
        guard sent < 0 else { return .sent }
        let error = SystemError.last("sendto")
        return [EAGAIN, EINTR, ENOBUFS].contains(error.code) ? .wouldBlock : .failed(error)
    }
}
