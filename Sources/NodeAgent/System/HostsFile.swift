import Wire

/// The content of /etc/hosts: `address name [name ...]` per line, `#` begins a comment.
struct HostsFile: Equatable, Sendable {
    /// The most lines; further ones are ignored.
    static let linesMax = 65536

    private struct Line: Equatable, Sendable {
        let address: IPAddress
        let names: [DNSName]
    }

    private var lines: [Line] = []

    /// Parses `text`. Like the system's resolver, it ignores malformed lines, and also names that are not valid host names.
    init(_ text: String) {
        for words in SystemFile.words(text, commentMarks: "#").prefix(HostsFile.linesMax) {
            guard let first = words.first, let address = IPAddress(first) else { continue }
            lines.append(Line(address: address, names: words.dropFirst().compactMap { DNSName($0) }))
        }
    }

    /// The addresses of `name` in the order of the file, without duplicates.
    func addresses(of name: DNSName) -> [IPAddress] {
        var addresses: [IPAddress] = []
        for line in lines where line.names.contains(name) && !addresses.contains(line.address) { addresses.append(line.address) }
        return addresses
    }
}
