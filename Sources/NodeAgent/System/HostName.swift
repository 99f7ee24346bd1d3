import Glibc

/// The host's name.
enum HostName {
    /// Reads the name, which is the node's unless the file or the command line sets one.
    static func current() -> String {
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
            guard let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self), gethostname(base, 255) == 0 else { return "localhost" }
            return String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
