import Glibc

/// The failure of a system call: its name and errno.
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The call's name, as in its manual page.
    package let call: String
    /// The value of errno, positive.
    package let code: Int32

    /// Creates the failure of `call` with `code`.
    package init(_ call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    /// Creates the failure of `call` from errno. The caller uses it directly after the call.
    package static func last(_ call: String) -> SystemError { SystemError(call, code: errno) }

    /// The kernel's text for the code: "Connection refused".
    package var reason: String { String(cString: strerror(code)) }

    /// Call and reason: "bind: Address already in use".
    package var description: String { "\(call): \(reason)" }

    /// True when this machine lacks descriptors or memory. The error says nothing about the peer, and a retry may succeed.
    package var isShortage: Bool { [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code) }

    /// True for a connect for which this machine has no local address or port left. The error says nothing about the peer.
    package var lacksLocalAddress: Bool { code == EADDRNOTAVAIL || code == EADDRINUSE || code == EAGAIN }

    /// True when the file does not exist.
    package var isMissing: Bool { code == ENOENT }

    /// The name of an errno value that reaches log lines: "ECONNREFUSED"; "errno 999" for any other.
    package var name: String {
        switch code {
        case ECONNREFUSED: "ECONNREFUSED"
        case ECONNRESET: "ECONNRESET"
        case ETIMEDOUT: "ETIMEDOUT"
        case EHOSTUNREACH: "EHOSTUNREACH"
        case ENETUNREACH: "ENETUNREACH"
        case EADDRNOTAVAIL: "EADDRNOTAVAIL"
        case EADDRINUSE: "EADDRINUSE"
        case EACCES: "EACCES"
        case EPERM: "EPERM"
        case EPIPE: "EPIPE"
        case ENOENT: "ENOENT"
        case EMFILE: "EMFILE"
        case ENFILE: "ENFILE"
        case ENOBUFS: "ENOBUFS"
        case ENOMEM: "ENOMEM"
        case ECONNABORTED: "ECONNABORTED"
        case EAGAIN: "EAGAIN"
        case EINVAL: "EINVAL"
        case EAFNOSUPPORT: "EAFNOSUPPORT"
        default: "errno \(code)"
        }
    }
}
