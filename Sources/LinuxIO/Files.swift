import Glibc

/// Why a file could not be read.
package enum FileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A system call failed.
    case system(SystemError)
    /// It is not a regular file: it may be endless or block the reader.
    case notRegular(FileStatus.Kind)
    /// It has more bytes than this.
    case tooLong(bytesMax: Int)

    /// There is no such file.
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

/// Small files, read whole.
package enum Files {
    /// The bytes of the regular file at `path`. Never blocks: other files are not read.
    package static func read(_ path: String, bytesMax: Int) throws(FileError) -> [UInt8] {
        let file: FileDescriptor
        do throws(SystemError) { file = try open(path) } catch { throw .system(error) }
        return try read(file, bytesMax: bytesMax)
    }

    /// Opens the file at `path` for reading. Never blocks. Also opens other files than regular ones; `FileStatus` has the kind.
    package static func open(_ path: String) throws(SystemError) -> FileDescriptor {
        let raw = Glibc.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard raw >= 0 else { throw .last("open") }
        return FileDescriptor(owning: raw)
    }

    /// The bytes of an open file, if it is a regular one of at most `bytesMax` bytes.
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

    /// The bytes that an open file still has; of more than `bytesMax` some more than that, enough to tell.
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

    /// True when `path` leads to a folder, also through links.
    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Writes all of `bytes` to an open file that takes them without end: a regular file, a blocking pipe or terminal.
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
