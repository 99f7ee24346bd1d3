// The hot path: plain values in preallocated memory. This file never allocates, retains or releases.

import Glibc
import LinuxIO
import Wire

/// An IP address and a port in the kernel's format, in as few bytes as possible. Of a UNIX socket's address only the family is used.
struct KernelAddress: BitwiseCopyable {
    /// The leading bytes of a `sockaddr_in` or `sockaddr_in6`: family, port, address.
    private var words: (UInt64, UInt64, UInt64, UInt32) = (0, 0, 0, 0)

    /// Creates no address.
    init() {}

    init(_ address: RawSocketAddress) {
        withUnsafeBytes(of: address.storage) { source in
            withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<$0.count])) }
        }
    }

    init(_ address: IPAddress, port: UInt16) { self.init(RawSocketAddress(.ip(address, port: port))) }

    /// True for no address. Its family is 0.
    var isNone: Bool { UInt16(truncatingIfNeeded: words.0) == 0 }

    /// The port; 0 without one.
    var port: UInt16 { address == nil ? 0 : withUnsafeBytes(of: words) { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) } }

    /// The IP address; `nil` for a UNIX socket, and for no address.
    var address: IPAddress? {
        withUnsafeBytes(of: words) { raw in
            switch Int32(raw.loadUnaligned(as: UInt16.self)) {
            case AF_INET: return .v4(UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
            case AF_INET6:
                let high = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                return .v6(high: high, low: UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self)))
            default: return nil
            }
        }
    }

    /// Address and port; `nil` when `address` is.
    var socketAddress: SocketAddress? { address.map { .ip($0, port: port) } }

    /// Calls `body` with the address family and the four or sixteen bytes of the address.
    func withAddress<Result>(_ body: (UInt16, UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: words) { raw in
            let family = raw.loadUnaligned(as: UInt16.self)
            return body(family, UnsafeRawBufferPointer(rebasing: Int32(family) == AF_INET6 ? raw[8..<24] : raw[4..<8]))
        }
    }
}
