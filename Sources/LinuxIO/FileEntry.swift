import CLinux
import Glibc

/// The entry at a path, looked up once and then held, so that its status, mode and owner are those of one file, even if the path changes later.
///
/// A privileged process that uses a path twice may change a file that an attacker has put there in between.
package struct FileEntry: ~Copyable {
    private let descriptor: FileDescriptor

    /// The entry at `path` itself: does not follow a symbolic link.
    package init(_ path: String) throws(SystemError) {
        let raw = clinux_open_entry(path)
        guard raw >= 0 else { throw SystemError("open", code: -raw) }
        descriptor = FileDescriptor(owning: raw)
    }

    /// Its kind, mode and owner.
    package borrowing func status() throws(SystemError) -> FileStatus { try FileStatus(of: descriptor) }

    /// Sets the permission bits.
    package borrowing func set(permissions: UInt32) throws(SystemError) {
        // fchmod(2) refuses an O_PATH descriptor; its name in /proc leads to the same file.
        let outcome = withExtendedLifetime(descriptor) { chmod("/proc/self/fd/\($0.raw)", permissions) }
        guard outcome == 0 else { throw .last("chmod") }
    }

    /// Sets the owner; `nil` leaves the user or the group as it is.
    package borrowing func set(user: UInt32?, group: UInt32?) throws(SystemError) {
        let code = withExtendedLifetime(descriptor) { clinux_change_owner($0.raw, user ?? .max, group ?? .max) }
        guard code == 0 else { throw SystemError("chown", code: -code) }
    }
}
