import CLinux
import Glibc

/// A directory entry that is looked up once and then held, so that its status, mode and owner are those of one file even if the path changes.
///
/// A privileged process that uses a path twice could otherwise change a file that an attacker has placed there in between.
package struct FileEntry: ~Copyable {
    private let descriptor: FileDescriptor

    /// Opens the entry at `path` itself, without following a symbolic link.
    package init(_ path: String) throws(SystemError) {
        let raw = clinux_open_entry(path)
        guard raw >= 0 else { throw SystemError("open", code: -raw) }
        descriptor = FileDescriptor(owning: raw)
    }

    /// Returns the kind, mode and owner.
    package borrowing func status() throws(SystemError) -> FileStatus { try FileStatus(of: descriptor) }

    /// Sets the permission bits.
    package borrowing func set(permissions: UInt32) throws(SystemError) {
        // fchmod(2) rejects an O_PATH descriptor, but its name in /proc refers to the same file.
        let outcome = withExtendedLifetime(descriptor) { chmod("/proc/self/fd/\($0.raw)", permissions) }
        guard outcome == 0 else { throw .last("chmod") }
    }

    /// Sets the owner; `nil` keeps the user or the group.
    package borrowing func set(user: UInt32?, group: UInt32?) throws(SystemError) {
        let code = withExtendedLifetime(descriptor) { clinux_change_owner($0.raw, user ?? .max, group ?? .max) }
        guard code == 0 else { throw SystemError("chown", code: -code) }
    }
}
