import Glibc

/// A system call's failure: which call, and errno.
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The call's name, as its manual page has it.
    package let call: String
    /// errno, positive.
    package let code: Int32

    /// A failure of `call` with `code`.
    package init(_ call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    /// A failure of `call` that left its reason in errno. To be made right after the call.
    package static func last(_ call: String) -> SystemError { SystemError(call, code: errno) }

    /// The kernel's sentence for the code: "Connection refused".
    package var reason: String { String(cString: strerror(code)) }

    /// "bind: Address already in use".
    package var description: String { "\(call): \(reason)" }

    /// This machine has no descriptor or memory to give: nothing is said of the peer, and a moment later there may be some.
    package var isShortage: Bool { [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code) }

    /// There is no such file.
    package var isMissing: Bool { code == ENOENT }

    /// errno's name for the codes that reach log lines: "ECONNREFUSED"; "errno 999" for any other.
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
        default: "errno \(code)"
        }
    }
}
