import CLinux
import Glibc
import Wire

/// A `SocketAddress` in the kernel's form.
package struct RawSocketAddress: BitwiseCopyable, Sendable {
    /// The kernel's structure; only the first `length` bytes are valid.
    package var storage = sockaddr_storage()
    /// The number of valid bytes in `storage`.
    package var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    /// Creates an empty address for a call that fills it in.
    package init() {}

    /// Creates the address from the values that a call has filled in.
    package init(_ storage: sockaddr_storage, length: socklen_t) { (self.storage, self.length) = (storage, length) }

    /// The path of `address` for an abstract name in the form of HAProxy's `abns@`, which fills all bytes: a NUL, the name and further NULs.
    package static func abstractPath(_ name: String) -> String {
        "\0" + name + String(repeating: "\0", count: max(0, SocketAddress.abstractBytesMax - 1 - name.utf8.count))
    }

    /// Converts `address` to the kernel's form. A path is cut at `SocketAddress.pathBytesMax` bytes; the configuration's parser checks the length. A path that
    /// begins with a zero byte is an abstract name.
    package init(_ address: SocketAddress) {
        switch address {
        case .ip(.v4(let bits), let port):
            set(sockaddr_in.self) {
                $0.sin_family = sa_family_t(AF_INET)
                $0.sin_port = port.bigEndian
                $0.sin_addr.s_addr = bits.bigEndian
            }
        case .ip(.v6(let high, let low), let port):
            set(sockaddr_in6.self) { form in
                form.sin6_family = sa_family_t(AF_INET6)
                form.sin6_port = port.bigEndian
                let words = (high.bigEndian, low.bigEndian)
                withUnsafeBytes(of: words) { source in withUnsafeMutableBytes(of: &form.sin6_addr) { $0.copyMemory(from: source) } }
            }
        case .unix(let path):
            set(sockaddr_un.self) {
                $0.sun_family = sa_family_t(AF_UNIX)
                withUnsafeMutableBytes(of: &$0.sun_path) { $0.copyBytes(from: path.utf8.prefix(SocketAddress.bytesMax(ofPath: path))) }
            }
            // Every byte belongs to an abstract name, including trailing zero bytes.
            if SocketAddress.isAbstract(path) { length = socklen_t(MemoryLayout<sa_family_t>.size + min(path.utf8.count, SocketAddress.abstractBytesMax)) }
        }
    }

    private mutating func set<Form>(_ form: Form.Type, _ body: (inout Form) -> Void) {
        withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.withMemoryRebound(to: Form.self) { typed in body(&typed[0]) }
        }
        length = socklen_t(MemoryLayout<Form>.size)
    }

    /// Calls `body` with the pointer and length that system calls take.
    package func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// Calls `body` with a pointer and length that a system call fills in.
    package mutating func withMutablePointer<Result>(_ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Result) -> Result {
        length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                withUnsafeMutablePointer(to: &length) { body(address, $0) }
            }
        }
    }

    /// The address as a `SocketAddress`. A UNIX socket without a name is `.unix("")`; any other family is `nil`.
    package var address: SocketAddress? {
        withUnsafeBytes(of: storage) { bytes in
            switch Int32(storage.ss_family) {
            case AF_INET:
                let form = bytes.loadUnaligned(as: sockaddr_in.self)
                return .ip(.v4(UInt32(bigEndian: form.sin_addr.s_addr)), port: UInt16(bigEndian: form.sin_port))
            case AF_INET6:
                let form = bytes.loadUnaligned(as: sockaddr_in6.self)
                let words = withUnsafeBytes(of: form.sin6_addr) {
                    (UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)), UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
                }
                return .ip(.v6(high: words.0, low: words.1), port: UInt16(bigEndian: form.sin6_port))
            case AF_UNIX:
                let used = max(0, min(Int(length), MemoryLayout<sockaddr_un>.size) - 2)
                let path = bytes[2..<(2 + used)]
                // All bytes of an abstract name count.
                return .unix(String(decoding: path.first == 0 ? path : path.prefix { $0 != 0 }, as: UTF8.self))
            default:
                return nil
            }
        }
    }
}
