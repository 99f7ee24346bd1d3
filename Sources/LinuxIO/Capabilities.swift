import CLinux
import Glibc

/// Root's powers, one by one, and how a thread gives them away. They are a thread's own: to be called before there is a second one.
///
/// - SeeAlso: capabilities(7).
package struct Capabilities: OptionSet, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    private init(_ number: Int32) { rawValue = 1 << UInt64(number) }

    package static let chown = Capabilities(CAP_CHOWN)
    package static let overrideFilePermissions = Capabilities(CAP_DAC_OVERRIDE)
    package static let ownAllFiles = Capabilities(CAP_FOWNER)
    package static let signalOthers = Capabilities(CAP_KILL)
    package static let setGroup = Capabilities(CAP_SETGID)
    package static let setUser = Capabilities(CAP_SETUID)
    package static let setCapabilities = Capabilities(CAP_SETPCAP)
    package static let bindLowPorts = Capabilities(CAP_NET_BIND_SERVICE)
    package static let administerNetwork = Capabilities(CAP_NET_ADMIN)
    package static let changeRoot = Capabilities(CAP_SYS_CHROOT)
    package static let raiseLimits = Capabilities(CAP_SYS_RESOURCE)

    /// What the calling thread has, in any of the sets that are its own.
    package static func present() throws(SystemError) -> Capabilities {
        let sets = try sets()
        return Capabilities(rawValue: sets.effective | sets.permitted | sets.inheritable)
    }

    /// Takes everything else out of what programs that this thread starts can ever have. Does nothing without the right to.
    package func bound() throws(SystemError) {
        guard try Self.sets().effective & Capabilities.setCapabilities.rawValue != 0 else { return }
        let code = clinux_bound_capabilities(rawValue)
        guard code == 0 else { throw SystemError("prctl", code: -code) }
    }

    /// Gives all others away, for good: nothing is inherited, and nothing that is started later can give more.
    package func keep() throws(SystemError) {
        let ambient = clinux_clear_ambient_capabilities()
        // A kernel without the ambient set has nothing in it.
        guard ambient == 0 || ambient == -EINVAL else { throw SystemError("prctl", code: -ambient) }
        var sets = try Self.sets()
        sets.permitted &= rawValue
        sets.effective &= rawValue
        sets.inheritable = 0
        var code = clinux_set_capabilities(&sets)
        guard code == 0 else { throw SystemError("capset", code: -code) }
        code = clinux_gain_no_privileges()
        guard code == 0 else { throw SystemError("prctl", code: -code) }
    }

    private static func sets() throws(SystemError) -> clinux_capabilities {
        var sets = clinux_capabilities()
        let code = clinux_capabilities(&sets)
        guard code == 0 else { throw SystemError("capget", code: -code) }
        return sets
    }
}
