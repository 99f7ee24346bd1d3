import FuzzWorld
import Glibc
import Wire

// PROXY headers: for any bytes the result must not change when bytes follow, and a header that was read can be written and read again.

/// Checks the properties that hold for any bytes.
private func read(_ bytes: [UInt8]) {
    let reading = ProxyHeader.read(bytes[...])
    // The result does not depend on the position of the bytes.
    precondition(ProxyHeader.read(([0xff] + bytes).dropFirst()) == reading, "the offset of the bytes changes the result")
    switch reading {
    case .whole(let header, let count):
        precondition(count > 0 && count <= min(bytes.count, ProxyHeader.bytesMax), "a header longer than its bytes")
        precondition(header.addresses.map { $0.source.isV6 == $0.destination.isV6 } ?? (header.endpoint == nil), "an impossible header")
        precondition(
            header.addresses != nil || bytes[12] == 0x20 || bytes.starts(with: "PROXY UNKNOWN\r\n".utf8),
            "a header without addresses that is neither LOCAL nor UNKNOWN")
        precondition(ProxyHeader.read(bytes.prefix(count)) == reading, "later bytes change the header")
        precondition(ProxyHeader.read(bytes.prefix(count - 1)) == .incomplete, "a header without its last byte is complete")
        for form in [ProxyHeaderForm.binary(.authority), .binary([.authority, .checksum])] {
            let written = form.bytes(header)
            precondition(ProxyHeader.read(written[...]) == .whole(header, bytes: written.count), "a written header reads back differently")
        }
        let text = header.text
        precondition(text.count <= ProxyHeader.textBytesMax, "a line that is too long")
        precondition(ProxyHeader.read(text[...]) == .whole(ProxyHeader(header.addresses), bytes: text.count), "a written line reads back differently")
    case .incomplete: precondition(bytes.count < ProxyHeader.bytesMax, "it waits for more bytes than a header can have")
    case .absent, .malformed:
        // A rejection does not change when bytes follow.
        precondition(ProxyHeader.read((bytes + [0x0d, 0x0a])[...]) == reading, "later bytes change a refusal")
    }
}

@MainActor private func seeds() -> [(name: String, bytes: [UInt8])] {
    let v4 = ProxyHeader.Addresses(source: .v4(0xc000_0201), sourcePort: 40_000, destination: .v4(0x0a00_010a), destinationPort: 3_306)
    let v6 = ProxyHeader.Addresses(
        source: .v6(high: 0x2001_0db8_0000_0000, low: 1), sourcePort: 1, destination: .v6(high: 0xfe80_0000_0000_0000, low: 2), destinationPort: 65_535)
    var asked = ProxyHeader(v4)
    asked.authority = Array("db.example.org".utf8)
    let headers = [
        ("v4", ProxyHeader(v4)), ("v6", ProxyHeader(v6)), ("local", ProxyHeader(nil)), ("aws", ProxyHeader(v4, endpoint: "vpce-0123456789abcdef0")),
        ("authority", asked),
    ]
    return headers.flatMap { name, header in
        [
            ("\(name)-text", header.text), ("\(name)-binary", header.binary(.authority)),
            ("\(name)-sum", header.binary([.authority, .checksum]) + [0x4a, 0, 0, 0]),
        ]
    }
}

exit(
    FuzzDriver.run(seeds: seeds) { start, count in
        read(Array(UnsafeBufferPointer(start: start, count: count)))
        return 0
    })
