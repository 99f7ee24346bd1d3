import Wire

/// The contents of /etc/hosts: `address name [name ...]` a line, `#` begins a comment.
struct HostsFile: Equatable, Sendable {
    /// Lines kept; later ones are ignored.
    static let linesMax = 65536

    private struct Line: Equatable, Sendable {
        let address: IPAddress
        let names: [DNSName]
    }

    private var lines: [Line] = []

    /// Reads `text`. Lines that are not well-formed are ignored, as the system's resolver does; so are names that no host is called.
    init(_ text: String) {
        for words in SystemFile.words(text, commentMarks: "#").prefix(HostsFile.linesMax) {
            guard let first = words.first, let address = IPAddress(first) else { continue }
            lines.append(Line(address: address, names: words.dropFirst().compactMap { DNSName($0) }))
        }
    }

    /// The addresses of `name` in the order of the file, without repetitions.
    func addresses(of name: DNSName) -> [IPAddress] {
        var addresses: [IPAddress] = []
        for line in lines where line.names.contains(name) && !addresses.contains(line.address) { addresses.append(line.address) }
        return addresses
    }
}
