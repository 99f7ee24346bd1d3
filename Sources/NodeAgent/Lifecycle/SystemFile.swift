import Glibc
import LinuxIO

/// A small text file of the system, read whole.
enum SystemFile {
    /// The largest file that is read; one that is longer is an error, not cut.
    static let bytesMax = 4 << 20

    /// The text of the file at `path`. Bytes that are not UTF-8 become replacement characters.
    /// - Throws: the call that failed; EFBIG for a file over `bytesMax`.
    static func text(_ path: String) throws(SystemError) -> String {
        let raw = open(path, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { throw .last("open") }
        let file = FileDescriptor(owning: raw)
        var bytes: [UInt8] = []
        var failure: SystemError?
        while bytes.count <= bytesMax {
            let part = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, used in
                let count = read(file.raw, buffer.baseAddress, buffer.count)
                used = max(0, count)
                if count < 0 { failure = .last("read") }
            }
            if let failure { throw failure }
            if part.isEmpty { return String(decoding: bytes, as: UTF8.self) }
            bytes += part
        }
        throw SystemError("read", code: EFBIG)
    }

    /// The lines of `text` without comments, each as its words; lines without words are left out.
    static func words(_ text: String, commentMarks: String) -> [[Substring]] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            let words = line.prefix { !commentMarks.contains($0) }.split(whereSeparator: \.isWhitespace)
            return words.isEmpty ? nil : words
        }
    }
}
