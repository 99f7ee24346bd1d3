import CLinux
import Glibc

/// A byte and the open files that were sent with it.
package struct PassedFiles: Sendable {
    /// The byte.
    package let byte: UInt8
    /// The files, in the sender's order.
    package let files: [OpenFile]
}

/// The result of reading from a socket that passes files.
package enum PassedFilesReading: Sendable {
    /// A byte has arrived.
    case received(PassedFiles)
    /// No message waits.
    case nothing
    /// The other end is closed.
    case closed
}

/// Passes open files between processes: SCM_RIGHTS over a UNIX stream socket, one byte per message.
package enum DescriptorPassing {
    /// The limit on files in a message; the kernel's limit is 253.
    package static let filesMax = 250

    /// Creates two connected sockets, non-blocking and close-on-exec.
    package static func pair() throws(SystemError) -> (OpenFile, OpenFile) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw .last("socketpair") }
        return (OpenFile(FileDescriptor(owning: ends[0])), OpenFile(FileDescriptor(owning: ends[1])))
    }

    /// Sends `byte` with at most `filesMax` files. Throws EAGAIN when the socket's buffer is full.
    package static func send(_ byte: UInt8, _ files: some Collection<OpenFile>, over raw: Int32) throws(SystemError) {
        precondition(files.count <= filesMax, "\(files.count) files in one message, at most \(filesMax)")
        let numbers = files.map(\.raw)
        let code = clinux_send_descriptors(raw, byte, numbers, UInt32(numbers.count))
        // Keeps the descriptors open until sendmsg returns.
        withExtendedLifetime(files) {}
        guard code == 0 else { throw SystemError("sendmsg", code: -code) }
    }

    /// Receives the next message; its files are close-on-exec.
    package static func receive(over raw: Int32) throws(SystemError) -> PassedFilesReading {
        var byte: UInt8 = 0
        var count: UInt32 = 0
        var numbers = [Int32](repeating: -1, count: filesMax)
        let code = clinux_receive_descriptors(raw, &byte, &numbers, UInt32(filesMax), &count)
        switch code {
        case 1: return .received(PassedFiles(byte: byte, files: numbers.prefix(Int(count)).map { OpenFile(FileDescriptor(owning: $0)) }))
        case 0, -ECONNRESET: return .closed
        case -EAGAIN, -EINTR: return .nothing
        default: throw SystemError("recvmsg", code: -code)
        }
    }
}

/// Passes bytes to another process in an unnamed file. The file is sealed: no process can change its bytes or its size.
package enum MemoryFile {
    /// Creates a sealed file that contains `bytes`.
    package static func containing(_ bytes: [UInt8], name: String) throws(SystemError) -> OpenFile {
        let raw = clinux_memory_file(name)
        guard raw >= 0 else { throw SystemError("memfd_create", code: -raw) }
        let file = OpenFile(FileDescriptor(owning: raw))
        try Files.write(bytes[...], to: raw)
        let code = clinux_seal(raw)
        guard code == 0 else { throw SystemError("fcntl", code: -code) }
        return file
    }

    /// Returns the bytes of `file` from its beginning. Reading stops once there are more than `bytesMax`, so that the caller can detect the excess. Rejects
    /// files that are not sealed, because another kind could block the reader.
    package static func bytes(of file: OpenFile, bytesMax: Int) throws(SystemError) -> [UInt8] {
        guard clinux_is_sealed(file.raw) == 1 else { throw SystemError("fcntl", code: EINVAL) }
        // Processes that share the file also share its offset; pread leaves it unchanged.
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
