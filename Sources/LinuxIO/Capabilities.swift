import CLinux
import Glibc

/// Root's powers, one by one, and how a thread gives them away. They are a thread's own: to be called before there is a second one.
///
/// - SeeAlso: capabilities(7).
package struct Capabilities: OptionSet, Sendable {
    /// A bit for each, by the kernel's numbers.
    package let rawValue: UInt64

    /// Those whose bits are set.
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    private init(_ number: Int32) { rawValue = 1 << UInt64(number) }

    /// CAP_CHOWN: giving files to others.
    package static let chown = Capabilities(CAP_CHOWN)
    /// CAP_DAC_OVERRIDE: others' files, whatever their permissions.
    package static let overrideFilePermissions = Capabilities(CAP_DAC_OVERRIDE)
    /// CAP_FOWNER: what only a file's owner may do.
    package static let ownAllFiles = Capabilities(CAP_FOWNER)
    /// CAP_KILL: signals to others' processes.
    package static let signalOthers = Capabilities(CAP_KILL)
    /// CAP_SETGID.
    package static let setGroup = Capabilities(CAP_SETGID)
    /// CAP_SETUID.
    package static let setUser = Capabilities(CAP_SETUID)
    /// CAP_SETPCAP: making the bounding set smaller.
    package static let setCapabilities = Capabilities(CAP_SETPCAP)
    /// CAP_NET_BIND_SERVICE: ports below 1024.
    package static let bindLowPorts = Capabilities(CAP_NET_BIND_SERVICE)
    /// CAP_NET_ADMIN: receive buffers beyond the system's limit.
    package static let administerNetwork = Capabilities(CAP_NET_ADMIN)
    /// CAP_SYS_CHROOT.
    package static let changeRoot = Capabilities(CAP_SYS_CHROOT)
    /// CAP_SYS_RESOURCE: a higher limit of descriptors.
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
