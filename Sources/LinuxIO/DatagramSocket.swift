import CLinux
import Glibc
import Wire

/// What came of sending one datagram.
package enum DatagramSending: Equatable, Sendable {
    /// The kernel has it.
    case sent
    /// The kernel takes none now: to be treated as one that was lost on the way.
    case wouldBlock
    /// It did not go and will not: no route, an address of the other family, a firewall.
    case failed(SystemError)
}

/// A bound UDP socket that receives in batches and never blocks.
///
/// One thread uses it. All memory is allocated once: a batch is received into one array, of which the handler gets slices.
package final class DatagramSocket {
    /// Datagrams that one call of `receive` takes.
    package static let batchMax = 32
    /// Bytes of a datagram that are kept; what is longer is cut there.
    package static let datagramBytesMax = 2_048
    /// Errors of earlier sends that one call of `receive` passes over.
    private static let reportsMax = 64

    /// The socket.
    package let file: OpenFile
    private var bytes = [UInt8](repeating: 0, count: batchMax * datagramBytesMax)
    private let received: UnsafeMutableBufferPointer<clinux_received>

    /// Datagrams that came longer than `datagramBytesMax`; the handler got their first `datagramBytesMax` bytes.
    package private(set) var truncatedCount: UInt64 = 0

    /// Opens a socket at `address`; port 0 lets the kernel choose. An IPv6 socket takes IPv6 only.
    ///
    /// - Parameter receiveBuffer: bytes the kernel may keep for it; above the system's limit only with CAP_NET_ADMIN.
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

    /// Takes over a bound socket of an earlier process, with what waits in it.
    package init(adopting file: OpenFile) {
        self.file = file
        received = .allocate(capacity: DatagramSocket.batchMax)
        received.initialize(repeating: clinux_received())
    }

    deinit { received.deallocate() }

    /// The kernel's number, to watch it by.
    package var raw: Int32 { file.raw }

    /// Where it is bound, with the port that the kernel chose.
    package var localAddress: SocketAddress? { Sockets.localAddress(raw) }

    /// Two bytes that a datagram must have.
    package struct ExpectedBytes: Equatable, Sendable {
        /// Where, from the datagram's first byte.
        package var offset: UInt16
        /// Which, in network byte order.
        package var value: UInt16

        /// `value` at `offset`.
        package init(offset: UInt16, value: UInt16) { (self.offset, self.value) = (offset, value) }
    }

    /// Lets the kernel throw away every datagram that lacks any of `expected` (at most 16), or is too short for it: noise then costs the
    /// receiving thread nothing. What came before stays; what is thrown away shows in `droppedCount` only.
    package func accept(only expected: [ExpectedBytes]) throws(SystemError) {
        let pairs = expected.map { clinux_expected(offset: $0.offset, value: $0.value) }
        let result = clinux_filter_datagrams(raw, pairs, UInt32(clamping: pairs.count))
        guard result == 0 else { throw SystemError("setsockopt", code: -result) }
    }

    /// Datagrams that the kernel threw away because its buffer was full or `accept(only:)` said so, modulo 2^32; `nil` where the kernel does
    /// not tell.
    package var droppedCount: UInt32? {
        var dropped: UInt32 = 0
        return clinux_dropped_datagrams(raw, &dropped) == 0 ? dropped : nil
    }

    /// Receives one batch and gives `handler` each datagram with its source, in order of arrival.
    ///
    /// A slice that the handler keeps costs a copy of the whole batch's memory. The handler may send; it must not receive.
    ///
    /// - Returns: how many the handler got; 0 when none waits. Call again until then.
    /// - Throws: what is wrong with the socket itself, never what an earlier datagram met on its way (ICMP).
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

    /// An Internet socket's datagrams come from Internet addresses; whatever else the kernel might say is an address that nobody has.
    private func source(_ index: Int) -> SocketAddress {
        RawSocketAddress(received[index].from, length: received[index].from_length).address ?? .unix("")
    }

    /// Sends one datagram, or does not: it never waits.
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
