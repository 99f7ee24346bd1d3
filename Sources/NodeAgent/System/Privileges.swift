import CLinux
import Glibc
import LinuxIO

/// The privileges that a process drops once the listening sockets are open. The caller resolves user and group names before chroot.
struct Privileges: Equatable, Sendable {
    /// `chroot`.
    var directory: String?
    /// `uid`, or the identifier of `user`.
    var userIdentifier: UInt32?
    /// `gid`, or the identifier of `group`.
    var groupIdentifier: UInt32?

    /// The capabilities that the process keeps while it serves.
    var kept: Capabilities = []

    /// The user and group of the process after `apply`.
    var owner: FileOwner { FileOwner(user: userIdentifier ?? geteuid(), group: groupIdentifier ?? getegid()) }

    /// Drops no privileges.
    init() {}

    /// The capabilities that a master needs to signal workers, and to start workers that read files, bind ports and foreign addresses, own sockets, raise limits
    /// and drop all of these.
    private static let ofMaster: Capabilities = [
        .chown, .overrideFilePermissions, .ownAllFiles, .signalOthers, .setGroup, .setUser, .setCapabilities, .bindLowPorts, .administerNetwork,
        .useForeignAddresses, .changeRoot, .raiseLimits,
    ]

    /// Reduces a master's capabilities to those that it needs for its workers. The user stays.
    ///
    /// - Parameter entersNamespaces: keeps the right to enter network namespaces, for workers with `namespace` lines.
    static func applyToMaster(entersNamespaces: Bool) throws(PrivilegeError) {
        let kept = entersNamespaces ? ofMaster.union(.administerSystem) : ofMaster
        do throws(SystemError) {
            try kept.limitBoundingSet()
            try kept.dropOthers()
        } catch {
            throw PrivilegeError(.capabilities, error)
        }
    }

    /// Makes files that the process creates writable for their owner only, whatever umask it was started with.
    static func restrictNewFiles() { umask(umask(0o777) | 0o022) }

    /// Changes the root, then the groups, then the user, then drops every capability except `kept`, also as root. Each step needs privileges that a later one
    /// drops. Verifies the result. Call it while the process has only one thread, because other threads would keep their privileges.
    func apply() throws(PrivilegeError) {
        try changeRoot()
        do throws(SystemError) {
            try Capabilities().limitBoundingSet()
            if !kept.isEmpty { try Capabilities.keepAcrossUserChange() }
        } catch {
            throw PrivilegeError(.capabilities, error)
        }
        try changeOwner()
        let missing: Capabilities
        do throws(SystemError) {
            try kept.dropOthers()
            guard try Capabilities.present().isSubset(of: kept) else { throw SystemError("capset", code: EPERM) }
            missing = kept.subtracting(try Capabilities.effective())
        } catch {
            throw PrivilegeError(.capabilities, error)
        }
        guard missing.isEmpty else { throw PrivilegeError(.keeping(missing), SystemError("capset", code: EPERM)) }
    }

    private func changeRoot() throws(PrivilegeError) {
        guard let directory else { return }
        guard chroot(directory) == 0 else { throw PrivilegeError(.chroot(directory), .last("chroot")) }
        guard chdir("/") == 0 else { throw PrivilegeError(.chroot(directory), .last("chdir")) }
    }

    private func changeOwner() throws(PrivilegeError) {
        if let groupIdentifier {
            if geteuid() == 0 {
                let code = clinux_setgroups(0, nil)
                guard code == 0 else { throw PrivilegeError(.group(groupIdentifier), SystemError("setgroups", code: -code)) }
            }
            guard setgid(groupIdentifier) == 0 else { throw PrivilegeError(.group(groupIdentifier), .last("setgid")) }
        }
        guard let userIdentifier else { return }
        if groupIdentifier == nil, userIdentifier != 0, geteuid() == 0 {
            let code = clinux_setgroups(0, nil)
            guard code == 0 else { throw PrivilegeError(.user(userIdentifier), SystemError("setgroups", code: -code)) }
        }
        guard setuid(userIdentifier) == 0 else { throw PrivilegeError(.user(userIdentifier), .last("setuid")) }
        if userIdentifier != 0, setuid(0) == 0 { throw PrivilegeError(.user(userIdentifier), SystemError("setuid", code: EPERM)) }
    }
}

/// The error of a privilege that could not be dropped: the process must end.
struct PrivilegeError: Error, Equatable, CustomStringConvertible {
    /// The step that failed.
    enum Step: Equatable {
        case chroot(String)
        case group(UInt32)
        case user(UInt32)
        case capabilities
        case keeping(Capabilities)
    }

    /// The step that failed.
    let step: Step
    /// The reason.
    let cause: SystemError

    /// Creates an error for a failed step.
    init(_ step: Step, _ cause: SystemError) {
        self.step = step
        self.cause = cause
    }

    /// Advice for a worker that a reload has started.
    static let masterWithoutNamespaces = "restart a master whose first configuration had no 'namespace'"

    /// For example "global: cannot change the root to '/var/lib/haproxy' (chroot: No such file or directory); create …".
    var description: String {
        switch step {
        case .chroot(let directory):
            "global: cannot change the root to '\(directory)' (\(cause)); "
                + (cause.code == EPERM
                    ? "start as root" : "create the directory ('mkdir -p \(directory)'), or write another one after 'chroot'")
        case .group(let number):
            "global: cannot become group \(number) (\(cause)); start as root"
        case .user(let number):
            "global: cannot become user \(number) (\(cause)); start as root"
        case .capabilities:
            "cannot drop the capabilities (\(cause)); allow capset and prctl in the service or container that starts this process"
        case .keeping(let missing):
            "the 'source' and 'namespace' lines need \(CapabilityName.text(of: missing)), which this process does not have; "
                + "start as root, or give it to the program ('setcap \(CapabilityName.text(of: missing))+ep PROGRAM'), "
                + "and allow it in the service or container that starts this process"
                + (missing.contains(.administerSystem) ? "; \(Self.masterWithoutNamespaces)" : "")
        }
    }
}
