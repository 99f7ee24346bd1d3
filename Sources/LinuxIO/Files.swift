import Glibc

/// Small files, read whole.
package enum Files {
    /// The bytes of the file at `path`; of one over `bytesMax` some more than that, enough to tell.
    package static func read(_ path: String, bytesMax: Int) throws(SystemError) -> [UInt8] {
        let raw = open(path, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { throw .last("open") }
        let file = FileDescriptor(owning: raw)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= bytesMax {
            let count = Glibc.read(file.raw, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .last("read") }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return bytes
    }
}
