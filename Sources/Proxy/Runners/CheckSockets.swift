import CLinux
import Glibc
import LinuxIO
import Wire

/// How checks' sockets get the local address that `source` names, the same as sessions'. By default the kernel chooses.
package struct CheckSource {
    /// Binds a socket for a check of this server.
    package var bind: (Int32, ServerReference) throws(SystemError) -> Void = { _, _ in }
    /// Called once for each bound socket, before it is closed or handed over.
    package var release: (Int32, ServerReference) -> Void = { _, _ in }

    /// The kernel's choice.
    package init() {}
}

/// Opens the connections of checks.
struct CheckSockets {
    let openSocket: (SocketAddress, ServerReference) throws(SystemError) -> FileDescriptor
    let openProgram: (ServerReference, SocketAddress) throws(SystemError) -> OpenFile
    let source: CheckSource

    /// Opens the check's connection: to the helper process for a program, otherwise to the server.
    func open(
        _ address: SocketAddress, of server: ServerReference, isProgram: Bool, isBare: Bool
    ) throws(SystemError) -> (OpenFile, ConnectProgress) {
        if isProgram { return (try openProgram(server, address), .connected) }
        let file = OpenFile(try openSocket(address, server))
        guard case .ip = address else { return (file, try Sockets.connect(file.raw, to: address)) }
        try source.bind(file.raw, server)
        do throws(SystemError) {
            try prepare(file.raw, isBare: isBare)
            return (file, try Sockets.connect(file.raw, to: address))
        } catch {
            source.release(file.raw, server)
            throw error
        }
    }

    /// Sets the socket option that the check needs. For a check that ends with the connect (`isBare`), the kernel omits the last packet of the handshake, as in
    /// HAProxy, and sends a reset instead. The server's process thus never sees the connection, which saves work on both sides.
    private func prepare(_ raw: Int32, isBare: Bool) throws(SystemError) {
        let (option, value): (Int32, Int32) = isBare ? (TCP_QUICKACK, 0) : (TCP_NODELAY, 1)
        try Sockets.set(option, at: Int32(IPPROTO_TCP), to: value, on: raw)
    }

    /// The header that a check sends first. It is made for no client: as in HAProxy, version 1 then contains the addresses of the check's own connection, and
    /// version 2 none.
    static func header(_ form: ProxyHeaderForm, on raw: Int32, to target: SocketAddress) -> [UInt8] {
        guard form == .text, case .ip(let source, let sourcePort)? = Sockets.localAddress(raw), case .ip(let destination, let port) = target else {
            return form.bytes(ProxyHeader(nil))
        }
        return form.bytes(ProxyHeader(.init(source: source, sourcePort: sourcePort, destination: destination, destinationPort: port)))
    }
}
