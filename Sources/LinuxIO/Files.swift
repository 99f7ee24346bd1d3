import Glibc

/// The reason why a file could not be read.
package enum FileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A system call failed.
    case system(SystemError)
    /// The file is not regular. Reading it could block or never end.
    case notRegular(FileStatus.Kind)
    /// The file is longer than the limit.
    case tooLong(bytesMax: Int)

    /// True when the file does not exist.
    package var isMissing: Bool { if case .system(let error) = self { error.isMissing } else { false } }

    /// "open: No such file or directory"; "it is a named pipe, not a regular file".
    package var description: String {
        switch self {
        case .system(let error): error.description
        case .notRegular(let kind): "it is \(kind.description), not a regular file: write the path of a regular file"
        case .tooLong(let bytesMax): "it has more than \(bytesMax) bytes"
        }
    }
}

/// Reads small files as a whole.
package enum Files {
    /// Returns the bytes of the regular file at `path`. It never blocks, because it rejects other kinds of files.
    package static func read(_ path: String, bytesMax: Int) throws(FileError) -> [UInt8] {
        let file: FileDescriptor
        do throws(SystemError) { file = try open(path) } catch { throw .system(error) }
        return try read(file, bytesMax: bytesMax)
    }

    /// Opens the file at `path` for reading without blocking. The file may be of any kind; the caller checks its `FileStatus`.
    package static func open(_ path: String) throws(SystemError) -> FileDescriptor {
        let raw = Glibc.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard raw >= 0 else { throw .last("open") }
        return FileDescriptor(owning: raw)
    }

    /// Returns the bytes of an open regular file of at most `bytesMax` bytes.
    package static func read(_ file: borrowing FileDescriptor, bytesMax: Int) throws(FileError) -> [UInt8] {
        let (kind, bytes): (FileStatus.Kind, [UInt8])
        do throws(SystemError) {
            kind = try FileStatus(of: file).kind
            bytes = kind == .regular ? try read(from: file.raw, bytesMax: bytesMax) : []
        } catch {
            throw .system(error)
        }
        guard kind == .regular else { throw .notRegular(kind) }
        guard bytes.count <= bytesMax else { throw .tooLong(bytesMax: bytesMax) }
        return bytes
    }

    /// Returns the remaining bytes of an open file. Reading stops once there are more than `bytesMax`, so that the caller can detect the excess.
    package static func read(from raw: Int32, bytesMax: Int) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= bytesMax {
            let count = Glibc.read(raw, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .last("read") }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    /// True when `path` is a directory or a link to one.
    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// True when `path` is a file, or a link to one, that some user may execute.
    package static func isProgram(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_mode & 0o111 != 0
    }

    /// Writes all of `bytes` to an open file that blocks instead of refusing bytes: a regular file, a blocking pipe or a terminal.
    package static func write(_ bytes: ArraySlice<UInt8>, to raw: Int32) throws(SystemError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(raw, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .last("write") }
            rest = rest.dropFirst(count)
        }
    }
}
