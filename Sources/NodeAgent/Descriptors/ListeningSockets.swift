import CLinux
import Glibc
import LinuxIO
import Proxy
import Wire

/// The error of a listening socket that could not be opened.
struct ListenError: Error, Equatable, CustomStringConvertible {
    /// What went wrong.
    enum Problem: Equatable {
        /// A system call failed.
        case system(SystemError)
        /// The path does not fit into a socket address.
        case pathTooLong
        /// `fd@N` is not a listening stream socket.
        case notListening(Int32)
        /// A process answers at the path.
        case answered
        /// The name has not been resolved.
        case unresolved
        /// Another file has replaced the socket that was bound to the path.
        case replaced
    }

    /// The line in the configuration.
    let location: ConfigurationLocation
    /// The endpoint: "tsukada01:3306".
    let endpoint: String
    /// The owner of the socket: "listen mysql", "stats socket".
    let owner: String
    /// What went wrong.
    let problem: Problem

    /// For example "haproxy.cfg:27: cannot bind 'tsukada01:3306' of 'listen mysql': Address already in use; …".
    var description: String { "\(location): cannot bind '\(endpoint)' of '\(owner)': \(reason)" }

    private var reason: String {
        switch problem {
        case .pathTooLong: "the path is empty or longer than \(SocketAddress.pathBytesMax - ListeningSockets.temporaryBytes) bytes; use a shorter one"
        case .notListening(let number): "descriptor \(number) is not a listening stream socket; pass one, or write an address instead of 'fd@\(number)'"
        case .answered: "a process answers there; stop it first, or take over from it ('-x', '-sf')"
        case .replaced:
            "another process has replaced the file; remove it, and let only root or the node's user write to the directory"
        case .unresolved: "the name has no address; add it to /etc/hosts or to DNS, or write the address"
        case .system(let error) where error.call == Self.privilegedOption:
            error.reason + "; 'interface' and 'transparent' need root or cap_net_raw ('setcap cap_net_raw+ep' on the program), and an interface that exists"
        case .system(let error) where error.call == NetworkNamespace.call && error.code == EPERM:
            error.reason + "; 'namespace' needs root or cap_sys_admin ('setcap cap_sys_admin+ep' on the program), which the service or container must allow; "
                + PrivilegeError.masterWithoutNamespaces
        case .system(let error): error.reason + Self.advice(error)
        }
    }

    /// The call in the error of a socket option that needs a privilege.
    static let privilegedOption = "setsockopt (interface, transparent)"

    private static func advice(_ error: SystemError) -> String {
        switch error.code {
        case EADDRINUSE: "; another process listens there; stop it ('ss -ltnp' shows it) or choose another port"
        case EADDRNOTAVAIL: "; no interface has this address; check it with 'ip address'"
        case EACCES, EPERM: "; ports below 1024 and protected directories need root, CAP_NET_BIND_SERVICE or other permissions"
        case EEXIST: "; a file that is not a socket has this name; remove it or choose another path"
        case ENOENT: "; the directory does not exist; create it first"
        case EMFILE, ENFILE: "; the descriptor limit is used up; raise 'ulimit -n' or lower 'maxconn'"
        default: " (\(error.call))"
        }
    }
}

/// The description of a listening socket to open.
struct ListenRequest {
    /// The resolved address.
    var address: SocketAddress
    /// The address as configured, for messages.
    var endpoint: String
    /// The owner for messages, such as "listen mysql".
    var owner: String
    /// The line in the configuration.
    var location: ConfigurationLocation
    /// The length of the kernel's queue; `nil` if the later owner of the socket calls `listen`.
    var backlog: Int32? = 1024
    /// How dead clients are detected.
    var keepAlive = KeepAlive.off
    /// The time in milliseconds that data to clients may stay unacknowledged; 0 for the system's default.
    var userTimeout: Int32 = 0
    /// `v6only` or `v4v6`; `nil` for the system's default.
    var isV6Only: Bool?
    /// `namespace`; `nil` for the process's own.
    var namespace: NetworkNamespace?
    /// `interface`; `nil` for all interfaces.
    var interface: String?
    /// `transparent`.
    var isTransparent = false
    /// `mss`; 0 for the system's default.
    var segmentSizeMax: Int32 = 0
    /// `tos`; `nil` for the system's default.
    var typeOfService: UInt8?
    /// `tfo`.
    var usesFastOpen = false
    /// `option tcp-smart-accept`.
    var delaysAcknowledgements = false
    /// `mode` of a UNIX path.
    var permissions: UInt32?
    /// Owner of a UNIX path; `nil` leaves it unchanged.
    var userIdentifier: UInt32?
    /// Group of a UNIX path; `nil` leaves it unchanged.
    var groupIdentifier: UInt32?
    /// Whether to replace a UNIX path at which a process still answers, and to share a port with a process that listens there.
    var replacesOthers = false
    /// Whether this process also listens at an overlapping address.
    var sharesOwnAddress = false

    /// A request for `address` with standard options.
    init(address: SocketAddress, endpoint: String, owner: String, location: ConfigurationLocation) {
        self.address = address
        self.endpoint = endpoint
        self.owner = owner
        self.location = location
    }
}

/// Opens listening sockets: non-blocking, close-on-exec, with the options that accepted sockets inherit.
enum ListeningSockets {
    /// The bytes that a temporary name adds to a UNIX path: a dot, the process identifier in base 36, a tilde.
    static let temporaryBytes = 8
    /// How long to wait for a port in use: a worker whose master is dead closes its ports immediately, but another start may be faster.
    private static let timeout = Duration.milliseconds(500)
    private static let pause: useconds_t = 10_000
    /// How long a process that answers at a UNIX path may take to report whether it has abandoned the path.
    private static let answerTimeout = Duration.milliseconds(500)

    /// The setting that makes the kernel move connections from a closing listening socket to another one of its group.
    static let migrationSetting = "net.ipv4.tcp_migrate_req"

    /// Whether that setting is on.
    static var migratesConnections: Bool {
        let file = "/proc/sys/" + migrationSetting.split(separator: ".").joined(separator: "/")
        return (try? Files.read(file, bytesMax: 16))?.first == UInt8(ascii: "1")
    }

    /// Opens `count` listening sockets that share `request.address` by SO_REUSEPORT, one for each forwarding thread; for a UNIX path only one.
    static func open(_ request: ListenRequest, count: Int) throws(ListenError) -> [OpenFile] {
        do throws(SystemError) {
            guard case .unix(let path) = request.address else {
                var request = request
                var files: [OpenFile] = []
                if count > 1, !request.replacesOthers, !request.sharesOwnAddress { try requireFreeAddress(request) }
                for _ in 0..<max(1, count) {
                    let file = try openIPWhenFree(request, isShared: count > 1)
                    files.append(file)
                    // For port 0 the kernel chooses a port once; the other sockets of the group use the same.
                    if request.address.port == 0, let bound = Sockets.localAddress(file.raw) { request.address = bound }
                }
                return files
            }
            if SocketAddress.isAbstract(path) { return [try openIPWhenFree(request, isShared: false)] }
            guard (1...(SocketAddress.pathBytesMax - temporaryBytes)).contains(path.utf8.count) else { throw SystemError("bind", code: ENAMETOOLONG) }
            guard request.replacesOthers || !isAnswered(path) || isAbandoned(path) else { throw SystemError("bind", code: EADDRINUSE) }
            return [try openPath(path, request)]
        } catch {
            if error.code == ENAMETOOLONG { throw request.failure(.pathTooLong) }
            if error.code == EADDRINUSE, case .unix = request.address { throw request.failure(.answered) }
            throw request.failure(error == replaced ? .replaced : .system(error))
        }
    }

    /// Takes over `fd@number`, a listening stream socket that this process was started with.
    static func inherit(_ number: Int32, for request: ListenRequest) throws(ListenError) -> OpenFile {
        guard number >= 0, option(SO_ACCEPTCONN, number) == 1, option(SO_TYPE, number) == Int32(SOCK_STREAM.rawValue) else {
            throw request.failure(.notListening(number))
        }
        let flags = fcntl(number, F_GETFL)
        guard flags >= 0, fcntl(number, F_SETFL, flags | O_NONBLOCK) == 0, fcntl(number, F_SETFD, FD_CLOEXEC) == 0 else {
            throw request.failure(.system(.last("fcntl")))
        }
        do throws(SystemError) {
            if case .ip? = Sockets.localAddress(number) { try setInherited(request, on: number, isNew: false) }
        } catch {
            throw request.failure(.system(error))
        }
        return OpenFile(FileDescriptor(owning: number))
    }

    /// Applies the options of `request` to a socket that already listens.
    static func adopt(_ file: OpenFile, for request: ListenRequest) throws(ListenError) {
        do throws(SystemError) {
            // Earlier processes share the open file and may have changed its flags.
            let flags = fcntl(file.raw, F_GETFL)
            guard flags >= 0, fcntl(file.raw, F_SETFL, flags | O_NONBLOCK) == 0 else { throw .last("fcntl") }
            switch request.address {
            case .ip: try setInherited(request, on: file.raw, isNew: false)
            case .unix(let path): if !SocketAddress.isAbstract(path) { try setOwner(of: path, request, isNew: false) }
            }
            if let backlog = request.backlog { try Sockets.listen(file.raw, backlog: backlog) }
        } catch {
            throw request.failure(error == replaced ? .replaced : .system(error))
        }
    }

    /// Whether the address can be reached: false for a UNIX socket whose path has been removed.
    static func isReachable(_ address: SocketAddress) -> Bool {
        guard case .unix(let path) = address, !SocketAddress.isAbstract(path) else { return true }
        return kind(at: path) == .socket
    }

    /// Whether the process that answers at a UNIX path is ending, and leaves the path to others.
    private static func isAbandoned(_ path: String) -> Bool {
        let client = RuntimeClient(path: path, timeout: answerTimeout, report: { _ in })
        return client.ask(RuntimeInterpreter.abandonedQuery) == .text(RuntimeInterpreter.abandonedAnswer)
    }

    /// The kind of file at a path, without following a symbolic link; `nil` if there is none.
    private static func kind(at path: String) -> FileStatus.Kind? {
        do throws(SystemError) { return try FileEntry(path).status().kind } catch { return nil }
    }

    /// Whether a process listens at a UNIX path, even if its queue is full.
    static func isAnswered(_ path: String) -> Bool {
        guard path.utf8.count <= SocketAddress.pathBytesMax, let socket = try? Sockets.open(.stream, for: .unix(path)) else { return false }
        do throws(SystemError) {
            _ = try Sockets.connect(socket.raw, to: .unix(path))
            return true
        } catch {
            return error.code == EAGAIN
        }
    }

    /// A socket option of level SOL_SOCKET; `nil` if `raw` is not a socket.
    static func option(_ name: Int32, _ raw: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(raw, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }

    /// Throws if another process listens at the address. With SO_REUSEPORT the kernel would add this process's sockets to the other's group, and both would
    /// get clients. Without SO_REUSEPORT the kernel refuses.
    private static func requireFreeAddress(_ request: ListenRequest) throws(SystemError) {
        var request = request
        request.backlog = nil
        _ = try openIPWhenFree(request, isShared: false)
    }

    /// Opens a socket, and waits a moment for the address to become free.
    private static func openIPWhenFree(_ request: ListenRequest, isShared: Bool) throws(SystemError) -> OpenFile {
        let deadline = MonotonicClock.now().advanced(by: timeout)
        while true {
            do throws(SystemError) { return try openIP(request, isShared: isShared) } catch {
                guard error.code == EADDRINUSE, MonotonicClock.now() < deadline else { throw error }
                usleep(pause)
            }
        }
    }

    /// Opens a socket at an IP address or an abstract name.
    private static func openIP(_ request: ListenRequest, isShared: Bool) throws(SystemError) -> OpenFile {
        let file = OpenFile(try Sockets.open(.stream, for: request.address, in: request.namespace))
        if let address = request.address.address {
            try Sockets.set(SO_REUSEADDR, at: SOL_SOCKET, to: 1, on: file.raw)
            if isShared { try Sockets.set(SO_REUSEPORT, at: SOL_SOCKET, to: 1, on: file.raw) }
            if address.isV6, let isV6Only = request.isV6Only { try Sockets.set(IPV6_V6ONLY, at: Int32(IPPROTO_IPV6), to: isV6Only ? 1 : 0, on: file.raw) }
            try setPlace(request, on: file.raw, isV6: address.isV6)
            try setInherited(request, on: file.raw, isNew: true)
        }
        try Sockets.bind(file.raw, to: request.address)
        if let backlog = request.backlog { try Sockets.listen(file.raw, backlog: backlog) }
        // listen(2) resets the mode of acknowledgements.
        if request.delaysAcknowledgements, request.address.address != nil { Sockets.delayAcknowledgement(file.raw) }
        return file
    }

    /// Binds a socket to its interface, and allows an address of another host.
    private static func setPlace(_ request: ListenRequest, on raw: Int32, isV6: Bool) throws(SystemError) {
        if let interface = request.interface, !InterfaceName(interface).bind(raw) { throw .last(ListenError.privilegedOption) }
        guard request.isTransparent else { return }
        do throws(SystemError) { try Sockets.allowForeignAddress(raw, isV6: isV6) } catch { throw SystemError(ListenError.privilegedOption, code: error.code) }
    }

    /// Sets the options that accepted sockets inherit from the listener, so that they need not be set on each. A socket of an earlier process may have other
    /// values, so it also gets the system's defaults.
    private static func setInherited(_ request: ListenRequest, on raw: Int32, isNew: Bool) throws(SystemError) {
        let tcp = Int32(IPPROTO_TCP)
        let isV6 = Sockets.localAddress(raw)?.address?.isV6 ?? false
        try Sockets.set(TCP_NODELAY, at: tcp, to: 1, on: raw)
        try Sockets.set(TCP_USER_TIMEOUT, at: tcp, to: request.userTimeout, on: raw)
        try request.keepAlive.set(on: raw)
        if !isNew || request.segmentSizeMax > 0 { try Sockets.set(TCP_MAXSEG, at: tcp, to: request.segmentSizeMax, on: raw) }
        if !isNew || request.typeOfService != nil { try Sockets.setTypeOfService(raw, to: Int32(request.typeOfService ?? 0), isV6: isV6) }
        if !isNew { try Sockets.set(TCP_QUICKACK, at: tcp, to: request.delaysAcknowledgements ? 0 : 1, on: raw) }
        if request.usesFastOpen { try Sockets.set(TCP_FASTOPEN, at: tcp, to: request.backlog ?? 1, on: raw) }
    }

    /// Binds under a temporary name, sets mode and owner, listens, and then renames the socket to the path. So no client ever meets a socket with the wrong
    /// mode or without a listener, and the remains of a killed process are replaced.
    private static func openPath(_ path: String, _ request: ListenRequest) throws(SystemError) -> OpenFile {
        try refuseForeignFile(at: path)
        let file = OpenFile(try Sockets.open(.stream, for: request.address))
        let temporary = try bindTemporary(file.raw, path: path)
        do throws(SystemError) {
            try setOwner(of: temporary, request, isNew: true)
            if let backlog = request.backlog { try Sockets.listen(file.raw, backlog: backlog) }
            guard rename(temporary, path) == 0 else { throw .last("rename") }
        } catch {
            unlink(temporary)
            throw error
        }
        return file
    }

    /// The error for a path at which another file has replaced the socket.
    private static let replaced = SystemError("open", code: ESTALE)

    /// Sets mode and owner of a bound path. The directory may belong to a user who serves clients, so this changes only the socket at the path, never the
    /// target of a link. A socket that has just been bound must belong to this process.
    private static func setOwner(of path: String, _ request: ListenRequest, isNew: Bool) throws(SystemError) {
        guard request.permissions != nil || request.userIdentifier != nil || request.groupIdentifier != nil else { return }
        let entry = try FileEntry(path)
        let status = try entry.status()
        guard status.kind == .socket, status.links == 1, !isNew || status.owner.user == geteuid() else { throw replaced }
        if let permissions = request.permissions, permissions != status.permissions { try entry.set(permissions: permissions) }
        if request.userIdentifier != nil || request.groupIdentifier != nil {
            try entry.set(user: request.userIdentifier, group: request.groupIdentifier)
        }
    }

    private static func bindTemporary(_ raw: Int32, path: String) throws(SystemError) -> String {
        let temporary = path + "." + String(getpid(), radix: 36) + "~"
        // A dead process with the same identifier may have left it.
        unlink(temporary)
        try Sockets.bind(raw, to: .unix(temporary))
        return temporary
    }

    /// Throws if a file other than a socket exists at the path; a socket may be replaced.
    private static func refuseForeignFile(at path: String) throws(SystemError) {
        guard let kind = kind(at: path), kind != .socket else { return }
        throw SystemError("bind", code: EEXIST)
    }
}

extension ListenRequest {
    /// The number of the network namespace; `nil` for the process's own.
    var namespaceNumber: UInt64? {
        get throws(ListenError) {
            guard let namespace else { return nil }
            do throws(SystemError) { return try NetworkNamespace.number(of: namespace) } catch { throw failure(.system(error)) }
        }
    }

    /// Creates an error for this request.
    func failure(_ problem: ListenError.Problem) -> ListenError {
        ListenError(location: location, endpoint: endpoint, owner: owner, problem: problem)
    }
}
