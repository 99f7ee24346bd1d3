import Glibc

/// Small files, read whole.
package enum Files {
    /// The bytes of the file at `path`; of one over `bytesMax` some more than that, enough to tell.
    package static func read(_ path: String, bytesMax: Int) throws(SystemError) -> [UInt8] {
        let raw = open(path, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { throw .last("open") }
        let file = FileDescriptor(owning: raw)
        return try read(from: file.raw, bytesMax: bytesMax)
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

    /// True when `path` leads to a folder, over links too.
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
