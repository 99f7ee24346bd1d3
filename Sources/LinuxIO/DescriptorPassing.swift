import CLinux
import Glibc

/// One byte with the open files that came along.
package struct PassedFiles: Sendable {
    /// The byte.
    package let byte: UInt8
    /// The files, in the sender's order.
    package let files: [OpenFile]
}

/// What one look at a socket that passes files has found.
package enum PassedFilesReading: Sendable {
    /// A byte has come.
    case came(PassedFiles)
    /// Nothing waits.
    case nothing
    /// The other end is closed.
    case ended
}

/// Open files on their way between processes: SCM_RIGHTS over a UNIX stream socket, a byte for each message.
package enum DescriptorPassing {
    /// Files that one message carries: the kernel takes 253.
    package static let filesMax = 250

    /// Two connected ends, non-blocking and close-on-exec.
    package static func pair() throws(SystemError) -> (OpenFile, OpenFile) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw .last("socketpair") }
        return (OpenFile(FileDescriptor(owning: ends[0])), OpenFile(FileDescriptor(owning: ends[1])))
    }

    /// Sends `byte` with at most `filesMax` files. Throws EAGAIN when the socket takes nothing now.
    package static func send(_ byte: UInt8, _ files: some Collection<OpenFile>, over raw: Int32) throws(SystemError) {
        precondition(files.count <= filesMax, "\(files.count) files in one message, at most \(filesMax)")
        let numbers = files.map(\.raw)
        let code = clinux_send_descriptors(raw, byte, numbers, UInt32(numbers.count))
        // The numbers must stay open until here.
        withExtendedLifetime(files) {}
        guard code == 0 else { throw SystemError("sendmsg", code: -code) }
    }

    /// Takes the next message, close-on-exec.
    package static func receive(over raw: Int32) throws(SystemError) -> PassedFilesReading {
        var byte: UInt8 = 0
        var count: UInt32 = 0
        var numbers = [Int32](repeating: -1, count: filesMax)
        let code = clinux_receive_descriptors(raw, &byte, &numbers, UInt32(filesMax), &count)
        switch code {
        case 1: return .came(PassedFiles(byte: byte, files: numbers.prefix(Int(count)).map { OpenFile(FileDescriptor(owning: $0)) }))
        case 0, -ECONNRESET: return .ended
        case -EAGAIN, -EINTR: return .nothing
        default: throw SystemError("recvmsg", code: -code)
        }
    }
}

/// Puts bytes into an unnamed file for another process. The file is sealed: no holder can change its bytes or its size.
package enum MemoryFile {
    /// A new file that holds `bytes`.
    package static func holding(_ bytes: [UInt8], name: String) throws(SystemError) -> OpenFile {
        let raw = clinux_memory_file(name)
        guard raw >= 0 else { throw SystemError("memfd_create", code: -raw) }
        let file = OpenFile(FileDescriptor(owning: raw))
        try Files.write(bytes[...], to: raw)
        let code = clinux_seal(raw)
        guard code == 0 else { throw SystemError("fcntl", code: -code) }
        return file
    }

    /// The bytes of `file`, from its beginning; if there are more than `bytesMax`, a few more than that, enough to detect it. Reads only a sealed file:
    /// another kind may block its reader for ever.
    package static func bytes(of file: OpenFile, bytesMax: Int) throws(SystemError) -> [UInt8] {
        guard clinux_is_sealed(file.raw) == 1 else { throw SystemError("fcntl", code: EINVAL) }
        // The offset is shared with whoever else has the file: it is not touched.
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= bytesMax {
            let count = pread(file.raw, &buffer, buffer.count, bytes.count)
            guard count >= 0 else { throw .last("pread") }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return bytes
    }
}
