import CLinux
import Glibc
import Wire

/// The kind of data that a socket carries.
package enum SocketKind: Sendable {
    /// A byte stream: TCP or a UNIX stream.
    case stream
    /// Datagrams: UDP or UNIX datagrams.
    case datagram

    fileprivate var type: Int32 {
        switch self {
        case .stream: Int32(SOCK_STREAM.rawValue)
        case .datagram: Int32(SOCK_DGRAM.rawValue)
        }
    }
}

/// The state of a non-blocking connect after the call.
package enum ConnectProgress: Equatable, Sendable {
    /// Already connected.
    case connected
    /// The socket becomes writable when the connect has completed.
    case pending
}

/// Socket calls with typed errors. Every socket is non-blocking and close-on-exec.
package enum Sockets {
    /// Opens a socket of the family of `address`, in `namespace` or, with `nil`, in the process's own network namespace.
    package static func open(
        _ kind: SocketKind, for address: SocketAddress, in namespace: NetworkNamespace? = nil
    ) throws(SystemError) -> FileDescriptor {
        let family =
            switch address {
            case .ip(.v4, _): AF_INET
            case .ip(.v6, _): AF_INET6
            case .unix: AF_UNIX
            }
        let flags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let raw = namespace?.openSocket(family, kind.type | flags) ?? socket(family, kind.type | flags, 0)
        guard raw >= 0 else { throw .last(namespace == nil ? "socket" : NetworkNamespace.call) }
        return FileDescriptor(owning: raw)
    }

    /// Sets an integer socket option.
    package static func set(_ option: Int32, at level: Int32, to value: Int32, on raw: Int32) throws(SystemError) {
        var value = value
        guard setsockopt(raw, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else { throw .last("setsockopt") }
    }

    /// Binds a socket to `address`.
    package static func bind(_ raw: Int32, to address: SocketAddress) throws(SystemError) {
        let result = RawSocketAddress(address).withPointer { Glibc.bind(raw, $0, $1) }
        guard result == 0 else { throw .last("bind") }
    }

    /// Makes close send a RST and drop unsent bytes.
    package static func resetAtClose(_ raw: Int32) {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(raw, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    }

    /// Turns off Nagle's algorithm, so that small segments do not wait for acknowledgements. Does nothing to a UNIX socket.
    package static func disableNagle(_ raw: Int32) { try? set(TCP_NODELAY, at: Int32(IPPROTO_TCP), to: 1, on: raw) }

    /// Makes a socket listen.
    package static func listen(_ raw: Int32, backlog: Int32) throws(SystemError) {
        guard Glibc.listen(raw, backlog) == 0 else { throw .last("listen") }
    }

    /// Starts a connect.
    package static func connect(_ raw: Int32, to address: SocketAddress) throws(SystemError) -> ConnectProgress {
        let result = RawSocketAddress(address).withPointer { Glibc.connect(raw, $0, $1) }
        if result == 0 { return .connected }
        guard errno == EINPROGRESS else { throw .last("connect") }
        return .pending
    }

    /// Returns and clears the socket's pending error; `nil` when there is none.
    package static func pendingError(_ raw: Int32) -> SystemError? {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(raw, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return .last("getsockopt") }
        return code == 0 ? nil : SystemError("connect", code: code)
    }

    /// Returns the address that the socket is bound to.
    package static func localAddress(_ raw: Int32) -> SocketAddress? {
        var address = RawSocketAddress()
        let result = address.withMutablePointer { getsockname(raw, $0, $1) }
        return result == 0 ? address.address : nil
    }

    /// Accepts a connection; `nil` when none waits.
    package static func accept(_ raw: Int32) throws(SystemError) -> FileDescriptor? {
        var source: SocketAddress?
        return try accept(raw, from: &source)
    }

    /// Accepts a connection and sets `source` to the client's address; `nil` when none waits.
    package static func accept(_ raw: Int32, from source: inout SocketAddress?) throws(SystemError) -> FileDescriptor? {
        var address = RawSocketAddress()
        let descriptor = withUnsafeMutablePointer(to: &address.length) { length in
            withUnsafeMutablePointer(to: &address.storage) { clinux_accept(raw, $0, length) }
        }
        if descriptor >= 0 {
            source = address.address
            return FileDescriptor(owning: descriptor)
        }
        guard descriptor == -EAGAIN || descriptor == -ECONNABORTED || descriptor == -EINTR else { throw SystemError("accept", code: -descriptor) }
        return nil
    }

    /// Receives up to `count` bytes; `nil` when nothing waits, empty at the end of the stream.
    package static func receive(_ raw: Int32, upTo count: Int) throws(SystemError) -> [UInt8]? {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            let received = recv(raw, buffer.baseAddress, count, 0)
            used = max(0, received)
            if received < 0 { failure = .last("recv") }
        }
        guard let failure else { return bytes }
        guard failure.code == EAGAIN || failure.code == EINTR else { throw failure }
        return nil
    }

    /// Sends as much of `bytes` as the kernel accepts. Returns the number of bytes; 0 when the buffer is full.
    package static func send(_ raw: Int32, _ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
        let sent = bytes.withUnsafeBytes { Glibc.send(raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if sent >= 0 { return sent }
        guard errno == EAGAIN || errno == EINTR else { throw .last("send") }
        return 0
    }
}
