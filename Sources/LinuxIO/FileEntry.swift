import CLinux
import Glibc

/// What stands at a path: looked up once and then held, so that its status, mode and owner are those of one file, whatever the path leads to later.
///
/// A process with privileges that changes a file by its path, twice, changes what somebody else has put there in between.
package struct FileEntry: ~Copyable {
    private let descriptor: FileDescriptor

    /// What stands at `path` itself: a symbolic link is not followed.
    package init(_ path: String) throws(SystemError) {
        let raw = clinux_open_entry(path)
        guard raw >= 0 else { throw SystemError("open", code: -raw) }
        descriptor = FileDescriptor(owning: raw)
    }

    /// What it is, and whose.
    package borrowing func status() throws(SystemError) -> FileStatus { try FileStatus(of: descriptor) }

    /// Sets the permission bits.
    package borrowing func set(permissions: UInt32) throws(SystemError) {
        // fchmod(2) refuses such a descriptor; its name in /proc leads to the same file.
        let outcome = withExtendedLifetime(descriptor) { chmod("/proc/self/fd/\($0.raw)", permissions) }
        guard outcome == 0 else { throw .last("chmod") }
    }

    /// Sets the owner; `nil` leaves a part of it as it is.
    package borrowing func set(user: UInt32?, group: UInt32?) throws(SystemError) {
        let code = withExtendedLifetime(descriptor) { clinux_change_owner($0.raw, user ?? .max, group ?? .max) }
        guard code == 0 else { throw SystemError("chown", code: -code) }
    }
}
