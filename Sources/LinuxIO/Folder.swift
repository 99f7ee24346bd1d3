import Glibc

/// An open directory. Its files stay reachable by name after a chroot, after a rename of the directory, and without the rights to look up its path again.
package struct Folder: ~Copyable, Sendable {
    /// The suffix of a staged file's name, until `publish` renames it.
    private static let newSuffix = ".new"

    private let descriptor: FileDescriptor

    /// Opens the directory at `path`.
    package init(_ path: String) throws(SystemError) {
        let raw = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard raw >= 0 else { throw .last("open") }
        descriptor = FileDescriptor(owning: raw)
    }

    /// Opens the directory that contains the file at `path`, an absolute path.
    package init(containing path: String) throws(SystemError) {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        try self.init(slash == path.startIndex ? "/" : String(path[..<slash]))
    }

    /// Returns the directory's owner and permissions.
    package borrowing func status() throws(SystemError) -> FileStatus { try FileStatus(of: descriptor) }

    /// Opens the file `name` for reading without blocking. The file may be of any kind; the caller checks its `FileStatus`.
    package borrowing func open(_ name: String) throws(SystemError) -> FileDescriptor {
        let raw = openat(descriptor.raw, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard raw >= 0 else { throw .last("openat") }
        return FileDescriptor(owning: raw)
    }

    /// Returns the bytes of the regular file `name`, without blocking.
    package borrowing func read(_ name: String, bytesMax: Int) throws(FileError) -> [UInt8] {
        let file: FileDescriptor
        do throws(SystemError) { file = try open(name) } catch { throw .system(error) }
        return try Files.read(file, bytesMax: bytesMax)
    }

    /// Writes `bytes` to a new file beside `name` and flushes it to disk, for `publish`. A file left by an earlier attempt is deleted.
    ///
    /// - Parameter owner: the owner of the new file; `nil` for the process's user.
    /// - Throws: the error of the failed call, after deleting the new file.
    package borrowing func stage(_ name: String, _ bytes: [UInt8], permissions: UInt32, owner: FileOwner? = nil) throws(SystemError) {
        let new = name + Self.newSuffix
        guard unlinkat(descriptor.raw, new, 0) == 0 || errno == ENOENT else { throw .last("unlinkat") }
        let raw = openat(descriptor.raw, new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard raw >= 0 else { throw .last("openat") }
        let file = FileDescriptor(owning: raw)
        do throws(SystemError) {
            if let owner, try FileStatus(of: file).owner != owner, fchown(raw, owner.user, owner.group) != 0 { throw .last("fchown") }
            guard fchmod(raw, permissions) == 0 else { throw .last("fchmod") }
            try Files.write(bytes[...], to: file.raw)
            guard fsync(raw) == 0 else { throw .last("fsync") }
        } catch {
            discard(name)
            throw error
        }
    }

    /// Waits for an exclusive lock of the directory. It lasts until `unlock` or the end of this value.
    package borrowing func lock() throws(SystemError) {
        while flock(descriptor.raw, LOCK_EX) != 0 {
            guard errno == EINTR else { throw .last("flock") }
        }
    }

    /// Releases the lock.
    package borrowing func unlock() { flock(descriptor.raw, LOCK_UN) }

    /// Replaces the file `name` by the staged one. Readers find the old or the new file, never a part.
    package borrowing func publish(_ name: String) throws(SystemError) {
        try rename(name + Self.newSuffix, to: name)
        guard fsync(descriptor.raw) == 0 else { throw .last("fsync") }
    }

    /// Deletes the staged file.
    package borrowing func discard(_ name: String) { _ = unlinkat(descriptor.raw, name + Self.newSuffix, 0) }

    /// Renames a file. An existing file of the new name is replaced.
    package borrowing func rename(_ name: String, to other: String) throws(SystemError) {
        guard renameat(descriptor.raw, name, descriptor.raw, other) == 0 else { throw .last("renameat") }
    }
}

/// The owner of a file.
package struct FileOwner: Equatable, Sendable {
    /// The user identifier.
    package let user: UInt32
    /// The group identifier.
    package let group: UInt32

    /// Creates an owner from its identifiers.
    package init(user: UInt32, group: UInt32) { (self.user, self.group) = (user, group) }
}

/// The status of an open file.
package struct FileStatus: Equatable, Sendable {
    /// The kind of a file.
    package enum Kind: String, Equatable, Sendable, CustomStringConvertible {
        /// A file on a disk or in memory.
        case regular = "a regular file"
        /// A directory.
        case folder = "a directory"
        /// A FIFO or an unnamed pipe.
        case pipe = "a named pipe"
        /// A socket.
        case socket = "a socket"
        /// A symbolic link.
        case link = "a symbolic link"
        /// A block or a character device.
        case device = "a device"

        /// "a named pipe".
        package var description: String { rawValue }

        fileprivate init(_ status: stat) {
            switch status.st_mode & S_IFMT {
            case S_IFREG: self = .regular
            // /dev/null counts as an empty file.
            case S_IFCHR where status.st_rdev == 0x103: self = .regular
            case S_IFDIR: self = .folder
            case S_IFIFO: self = .pipe
            case S_IFSOCK: self = .socket
            case S_IFLNK: self = .link
            default: self = .device
            }
        }
    }

    /// The file's kind.
    package let kind: Kind
    /// True for a regular file.
    package var isRegular: Bool { kind == .regular }
    /// The nine permission bits.
    package let permissions: UInt32
    /// The number of its hard links.
    package let links: UInt64
    /// The file's owner.
    package let owner: FileOwner

    /// Reads the status of an open file.
    package init(of file: borrowing FileDescriptor) throws(SystemError) {
        var status = stat()
        // Without the lifetime the optimizer may close a temporary file after its number was read, before the call.
        let outcome = withExtendedLifetime(file) { fstat($0.raw, &status) }
        guard outcome == 0 else { throw .last("fstat") }
        kind = Kind(status)
        permissions = status.st_mode & 0o777
        links = UInt64(status.st_nlink)
        owner = FileOwner(user: status.st_uid, group: status.st_gid)
    }
}
