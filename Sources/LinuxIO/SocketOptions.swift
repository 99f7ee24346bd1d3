import CLinux
import Glibc
import Wire

/// The name of a network interface as a plain value: at most 15 bytes.
package struct InterfaceName: BitwiseCopyable, Sendable {
    /// The limit on a name in bytes; the kernel stores a NUL after it.
    package static let bytesMax = 15
    /// The bytes, filled with NULs.
    private var bytes: (UInt64, UInt64) = (0, 0)

    /// No interface.
    package init() {}

    /// Converts `name`. Bytes after `bytesMax` are left out; the configuration's parser checks the length.
    package init(_ name: String) { withUnsafeMutableBytes(of: &bytes) { $0.copyBytes(from: name.utf8.prefix(Self.bytesMax)) } }

    /// True for no interface.
    package var isNone: Bool { bytes == (0, 0) }

    /// Binds a socket to the interface: it sends and receives only there. Returns false, with errno set, when there is no such interface.
    package func bind(_ raw: Int32) -> Bool {
        withUnsafeBytes(of: bytes) { setsockopt(raw, SOL_SOCKET, SO_BINDTODEVICE, $0.baseAddress, socklen_t($0.count)) == 0 }
    }

    /// The name of the interface that a socket is bound to; empty for none.
    package static func of(_ raw: Int32) -> String {
        var name = InterfaceName()
        var length = socklen_t(MemoryLayout.size(ofValue: name.bytes))
        guard getsockopt(raw, SOL_SOCKET, SO_BINDTODEVICE, &name.bytes, &length) == 0 else { return "" }
        return withUnsafeBytes(of: name.bytes) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

extension Sockets {
    /// Lets a socket be bound to an address of another host. Needs CAP_NET_RAW or CAP_NET_ADMIN.
    package static func allowForeignAddress(_ raw: Int32, isV6: Bool) throws(SystemError) {
        let (level, option) = isV6 ? (Int32(IPPROTO_IPV6), IPV6_TRANSPARENT) : (Int32(IPPROTO_IP), IP_TRANSPARENT)
        try set(option, at: level, to: 1, on: raw)
    }

    /// Makes bind with port 0 leave the choice of the port to connect, which knows the destination. So the same port can be used for each destination.
    package static func choosePortAtConnect(_ raw: Int32) throws(SystemError) { try set(IP_BIND_ADDRESS_NO_PORT, at: Int32(IPPROTO_IP), to: 1, on: raw) }

    /// Sets the type of service, 0 to 255, of the packets that a socket sends.
    package static func setTypeOfService(_ raw: Int32, to value: Int32, isV6: Bool) throws(SystemError) {
        // An IPv6 socket may have IPv4 clients as well.
        if isV6 { try set(IPV6_TCLASS, at: Int32(IPPROTO_IPV6), to: value, on: raw) }
        try set(IP_TOS, at: Int32(IPPROTO_IP), to: value, on: raw)
    }

    /// Makes a TCP socket send the acknowledgement of the next segment together with its own data, or after 40 ms.
    package static func delayAcknowledgement(_ raw: Int32) { try? set(TCP_QUICKACK, at: Int32(IPPROTO_TCP), to: 0, on: raw) }
}
