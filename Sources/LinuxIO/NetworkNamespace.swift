import CLinux
import Glibc
import Wire

/// A network namespace in which a thread can create sockets, as a plain value. `NetworkNamespaces` owns the descriptors.
///
/// A socket stays in the namespace in which it was created, so only socket(2) happens there: bind(2), connect(2) and the socket's options need no other call.
///
/// - SeeAlso: network_namespaces(7), setns(2).
package struct NetworkNamespace: BitwiseCopyable, Equatable, Sendable {
    /// The call in the error of a socket that could not be opened in another namespace.
    package static let call = "setns, socket"

    /// The descriptors of this namespace and of the process's own.
    fileprivate let target: Int32
    fileprivate let home: Int32

    /// Opens a socket in this namespace; the thread needs CAP_SYS_ADMIN. Returns -1, with errno set, when that is impossible.
    ///
    /// Ends the process if the thread cannot return to the process's own namespace: its other sockets would reach other hosts.
    package func openSocket(_ family: Int32, _ type: Int32) -> Int32 {
        let refusal = clinux_enter_network_namespace(target)
        guard refusal == 0 else {
            errno = -refusal
            return -1
        }
        let raw = socket(family, type, 0)
        let code = errno
        let failure = clinux_enter_network_namespace(home)
        guard failure == 0 else { fatalError("a thread cannot leave a network namespace (\(SystemError("setns", code: -failure))): this process ends") }
        errno = code
        return raw
    }

    /// The number of `namespace`, or, with `nil`, of the process's own.
    package static func number(of namespace: NetworkNamespace?) throws(SystemError) -> UInt64 {
        let socket = try Sockets.open(.stream, for: .ip(.anyV4, port: 0), in: namespace)
        return number(ofSocket: socket.raw)
    }

    /// The number of the namespace that a socket is in, valid until the next boot; 0 with a kernel older than 5.14.
    package static func number(ofSocket raw: Int32) -> UInt64 {
        var number: UInt64 = 0
        var length = socklen_t(MemoryLayout<UInt64>.size)
        return getsockopt(raw, SOL_SOCKET, SO_NETNS_COOKIE, &number, &length) == 0 ? number : 0
    }
}

/// Open network namespaces by name, and the process's own.
package struct NetworkNamespaces: Sendable {
    /// The folder in which ip-netns(8) creates namespaces.
    package static let folder = "/run/netns"

    private var files: [String: OpenFile] = [:]
    private var home: OpenFile?

    /// No namespace but the process's own.
    package init() {}

    /// The file of the namespace `name`.
    package static func path(of name: String) -> String { "\(folder)/\(name)" }

    /// Opens the namespace `name`, unless it is open. Throws EINVAL for a file that is no network namespace. Needs no privilege. Call it before chroot.
    package mutating func open(_ name: String) throws(SystemError) {
        guard files[name] == nil else { return }
        if home == nil { home = try Self.file("/proc/thread-self/ns/net") }
        let file = try Self.file(Self.path(of: name))
        guard clinux_is_network_namespace(file.raw) == 1 else { throw SystemError("ioctl", code: EINVAL) }
        files[name] = file
    }

    /// The open namespace `name`; `nil` without a name.
    package subscript(name: String?) -> NetworkNamespace? {
        guard let name else { return nil }
        guard let file = files[name], let home else { preconditionFailure("namespace '\(name)' is not open") }
        return NetworkNamespace(target: file.raw, home: home.raw)
    }

    /// The numbers of the open namespaces, without those that the thread may not enter.
    package var numbers: Set<UInt64> { Set(files.keys.compactMap { name in try? NetworkNamespace.number(of: self[name]) }) }

    private static func file(_ path: String) throws(SystemError) -> OpenFile {
        let raw = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard raw >= 0 else { throw .last("open") }
        return OpenFile(FileDescriptor(owning: raw))
    }
}
