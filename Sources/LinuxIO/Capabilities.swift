import CLinux
import Glibc

/// Linux capabilities and how a thread drops them. Each thread has its own set, so the process drops them while it has one thread.
///
/// - SeeAlso: capabilities(7).
package struct Capabilities: OptionSet, Sendable {
    /// One bit per capability, by the kernel's numbers.
    package let rawValue: UInt64

    /// Creates the set from its bits.
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    private init(_ number: Int32) { rawValue = 1 << UInt64(number) }

    /// CAP_CHOWN: change the owner of files.
    package static let chown = Capabilities(CAP_CHOWN)
    /// CAP_DAC_OVERRIDE: access files regardless of their permissions.
    package static let overrideFilePermissions = Capabilities(CAP_DAC_OVERRIDE)
    /// CAP_FOWNER: actions that only a file's owner may take.
    package static let ownAllFiles = Capabilities(CAP_FOWNER)
    /// CAP_KILL: send signals to other users' processes.
    package static let signalOthers = Capabilities(CAP_KILL)
    /// CAP_SETGID: change the group.
    package static let setGroup = Capabilities(CAP_SETGID)
    /// CAP_SETUID: change the user.
    package static let setUser = Capabilities(CAP_SETUID)
    /// CAP_SETPCAP: drop capabilities from the bounding set.
    package static let setCapabilities = Capabilities(CAP_SETPCAP)
    /// CAP_NET_BIND_SERVICE: bind ports below 1024.
    package static let bindLowPorts = Capabilities(CAP_NET_BIND_SERVICE)
    /// CAP_NET_ADMIN: set receive buffers beyond the system's limit.
    package static let administerNetwork = Capabilities(CAP_NET_ADMIN)
    /// CAP_NET_RAW: bind foreign addresses (IP_TRANSPARENT), and bind sockets to interfaces.
    package static let useForeignAddresses = Capabilities(CAP_NET_RAW)
    /// CAP_SYS_ADMIN: enter other network namespaces.
    package static let administerSystem = Capabilities(CAP_SYS_ADMIN)
    /// CAP_SYS_CHROOT: change the root directory.
    package static let changeRoot = Capabilities(CAP_SYS_CHROOT)
    /// CAP_SYS_RESOURCE: raise the descriptor limit.
    package static let raiseLimits = Capabilities(CAP_SYS_RESOURCE)

    /// Returns the calling thread's effective, permitted and inheritable capabilities together.
    package static func present() throws(SystemError) -> Capabilities {
        let sets = try sets()
        return Capabilities(rawValue: sets.effective | sets.permitted | sets.inheritable)
    }

    /// Returns the calling thread's effective capabilities: those that the kernel checks.
    package static func effective() throws(SystemError) -> Capabilities { Capabilities(rawValue: try sets().effective) }

    /// Makes the thread keep its permitted capabilities when it changes its user. Afterwards `dropOthers` makes those that remain effective.
    package static func keepAcrossUserChange() throws(SystemError) {
        let code = clinux_keep_capabilities(1)
        guard code == 0 else { throw SystemError("prctl", code: -code) }
    }

    /// Reduces the thread's bounding set to these capabilities, which limits all programs that it starts. Does nothing without CAP_SETPCAP.
    package func limitBoundingSet() throws(SystemError) {
        guard try Self.sets().effective & Capabilities.setCapabilities.rawValue != 0 else { return }
        let code = clinux_bound_capabilities(rawValue)
        guard code == 0 else { throw SystemError("prctl", code: -code) }
    }

    /// Drops all other capabilities irrevocably: child processes inherit none, and `no_new_privs` keeps programs from gaining any. Of these, the permitted ones
    /// become effective.
    package func dropOthers() throws(SystemError) {
        let ambient = clinux_clear_ambient_capabilities()
        // A kernel without an ambient set has no ambient capabilities.
        guard ambient == 0 || ambient == -EINVAL else { throw SystemError("prctl", code: -ambient) }
        var sets = try Self.sets()
        sets.permitted &= rawValue
        sets.effective = sets.permitted
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
