import CLinux
import Glibc
import LinuxIO

/// What is given up once the listening sockets are open. Names have been turned into numbers by the caller, before the chroot.
struct Privileges: Equatable, Sendable {
    /// `chroot`.
    var directory: String?
    /// `uid`, or what `user` stands for.
    var userIdentifier: UInt32?
    /// `gid`, or what `group` stands for.
    var groupIdentifier: UInt32?

    /// Whom the process runs as once they are given up.
    var owner: FileOwner { FileOwner(user: userIdentifier ?? geteuid(), group: groupIdentifier ?? getegid()) }

    /// Nothing to give up.
    init() {}

    /// What a master needs to start workers that read files, bind ports, own sockets, raise limits and give all of it away; and to signal them.
    private static let ofMaster: Capabilities = [
        .chown, .overrideFilePermissions, .ownAllFiles, .signalOthers, .setGroup, .setUser, .setCapabilities, .bindLowPorts, .administerNetwork, .changeRoot,
        .raiseLimits,
    ]

    /// Gives a master's own away: it stays who it is, with what it needs for its workers.
    static func applyToMaster() throws(PrivilegeError) {
        do throws(SystemError) {
            try ofMaster.bound()
            try ofMaster.keep()
        } catch {
            throw PrivilegeError(.capabilities, error)
        }
    }

    /// What the process creates is nobody else's to write to, whoever started it and however.
    static func closeFilesToOthers() { umask(umask(0o777) | 0o022) }

    /// Changes the root, then the groups, then the user, then gives every capability away, root's too: each needs what the next one gives away.
    /// Proves afterwards that they are gone. To be called while there is one thread: what it gives away the others would keep.
    func apply() throws(PrivilegeError) {
        try changeRoot()
        do throws(SystemError) { try Capabilities().bound() } catch { throw PrivilegeError(.capabilities, error) }
        try changeOwner()
        do throws(SystemError) {
            try Capabilities().keep()
            guard try Capabilities.present().isEmpty else { throw SystemError("capset", code: EPERM) }
        } catch {
            throw PrivilegeError(.capabilities, error)
        }
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

/// A privilege that could not be given up: the process must not go on.
struct PrivilegeError: Error, Equatable, CustomStringConvertible {
    /// Which one.
    enum Step: Equatable {
        case chroot(String)
        case group(UInt32)
        case user(UInt32)
        case capabilities
    }

    /// Which one.
    let step: Step
    /// Why not.
    let cause: SystemError

    /// `step` failed because of `cause`.
    init(_ step: Step, _ cause: SystemError) {
        self.step = step
        self.cause = cause
    }

    /// "global: cannot change the root to '/var/lib/haproxy' (chroot: No such file or directory); create …".
    var description: String {
        switch step {
        case .chroot(let directory):
            "global: cannot change the root to '\(directory)' (\(cause)); "
                + (cause.code == EPERM
                    ? "start as root" : "create the directory ('mkdir -p \(directory)'), or write another one at 'chroot'")
        case .group(let number):
            "global: cannot become group \(number) (\(cause)); start as root"
        case .user(let number):
            "global: cannot become user \(number) (\(cause)); start as root"
        case .capabilities:
            "cannot give up the capabilities (\(cause)); let whoever starts this process allow capset and prctl"
        }
    }
}
