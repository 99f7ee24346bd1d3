/// The PROXY protocol header that a load balancer may send before its request. It is skipped: nobody is judged by it.
enum ProbePreamble: Equatable, Sendable {
    /// None.
    case none
    /// More bytes are needed to tell.
    case incomplete
    /// One of this many bytes.
    case header(bytes: Int)
    /// One that is broken.
    case malformed

    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
    private static let wordV1 = Array("PROXY ".utf8)
    /// The longest first-version header.
    private static let bytesMaxV1 = 107
    /// The longest second-version header that is skipped: no load balancer sends more.
    private static let bytesMaxV2 = 4096

    /// Looks at a connection's first bytes.
    ///
    ///     v1   "PROXY …" CRLF                                  at most 107 bytes
    ///     v2   12 bytes signature, version, family, length n (2 bytes, big-endian), n bytes
    ///
    /// - SeeAlso: HAProxy's doc/proxy-protocol.txt, section 2.
    static func find(in bytes: ArraySlice<UInt8>) -> ProbePreamble {
        if bytes.starts(with: signature) || signature.starts(with: bytes) {
            guard bytes.count >= 16 else { return .incomplete }
            let length = Int(bytes[bytes.startIndex + 14]) << 8 | Int(bytes[bytes.startIndex + 15])
            guard bytes[bytes.startIndex + 12] >> 4 == 2, length <= bytesMaxV2 else { return .malformed }
            return bytes.count >= 16 + length ? .header(bytes: 16 + length) : .incomplete
        }
        guard bytes.starts(with: wordV1) || wordV1.starts(with: bytes) else { return .none }
        guard let newline = bytes.prefix(bytesMaxV1).firstIndex(of: 10) else { return bytes.count < bytesMaxV1 ? .incomplete : .malformed }
        return .header(bytes: newline + 1 - bytes.startIndex)
    }
}
