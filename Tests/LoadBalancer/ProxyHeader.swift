import Wire

/// A PROXY protocol v2 header as a Network Load Balancer sends it. It is independent of the product's codec, so that each checks the other.
///
///     offset  bytes  field
///     0       12     \r\n\r\n\0\r\nQUIT\n
///     12      1      version 2, command LOCAL (0) or PROXY (1)
///     13      1      family: 0x11 TCP over IPv4, 0x21 TCP over IPv6, 0 with LOCAL
///     14      2      bytes that follow, big-endian
///     16      ...    source address, destination address, source port, destination port
enum ProxyHeader {
    private static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]

    /// The header of a probe, which has no client.
    static let local: [UInt8] = signature + [0x20, 0x00, 0x00, 0x00]

    /// The header of a client's flow; nil when the two addresses are not of one IP family.
    static func proxy(_ flow: FlowIdentity) -> [UInt8]? {
        switch (flow.source, flow.destination) {
        case (.ip(.v4(let source), let sourcePort), .ip(.v4(let destination), let destinationPort)):
            signature + [0x21, 0x11, 0, 12] + bytes(source) + bytes(destination) + bytes(sourcePort) + bytes(destinationPort)
        case (.ip(.v6(let sourceHigh, let sourceLow), let sourcePort), .ip(.v6(let high, let low), let destinationPort)):
            signature + [0x21, 0x21, 0, 36] + [sourceHigh, sourceLow, high, low].flatMap { bytes($0) } + bytes(sourcePort) + bytes(destinationPort)
        default: nil
        }
    }

    private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
}
