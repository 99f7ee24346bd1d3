import Wire

/// The content of /etc/resolv.conf, with the limits of glibc's resolv.conf(5).
struct ResolvConf: Equatable, Sendable {
    /// The most `nameserver` lines that are used; glibc's MAXNS.
    static let nameserversMax = 3
    /// The most domains of `search` that are used.
    static let searchMax = 32

    /// `nameserver`; 127.0.0.1 if the file has none.
    private(set) var nameservers: [IPAddress] = []
    /// `search` or `domain`: the later line counts.
    private(set) var search: [DNSName] = []
    /// `options ndots`: a name with at least this many dots is tried unchanged before the domains of `search`.
    private(set) var dotsMin = 1
    /// `options timeout`: the time limit of one attempt.
    private(set) var timeout = Duration.seconds(5)
    /// `options attempts`.
    private(set) var attempts = 2

    /// Parses `text`; an empty text means a nameserver on this machine. Like glibc, it ignores malformed lines.
    init(_ text: String) {
        for words in SystemFile.words(text, commentMarks: "#;") {
            let values = words.dropFirst()
            switch words.first {
            case "nameserver":
                guard nameservers.count < ResolvConf.nameserversMax, let value = values.first, let address = IPAddress(value) else { continue }
                nameservers.append(address)
            case "search": search = values.compactMap { DNSName($0) }.prefix(ResolvConf.searchMax).map(\.self)
            case "domain": search = values.prefix(1).compactMap { DNSName($0) }
            case "options": for option in values { take(option) }
            default: continue
            }
        }
        if nameservers.isEmpty { nameservers = [.v4(0x7f00_0001)] }
    }

    /// The names to try for `text`, in order: only the name itself if it ends with a dot. Otherwise the name with each domain of `search`, and the name itself,
    /// which comes first if it has at least `dotsMin` dots.
    func candidates(for text: String) -> [DNSName] {
        guard let name = DNSName(text) else { return [] }
        if text.hasSuffix(".") { return [name] }
        let searched = search.compactMap { DNSName("\(text).\($0)") }
        return text.count { $0 == "." } >= dotsMin ? [name] + searched : searched + [name]
    }

    private mutating func take(_ option: Substring) {
        let parts = option.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let value = Int(parts[1]), value >= 0 else { return }
        switch parts[0] {
        case "ndots": dotsMin = min(value, 15)
        case "timeout": timeout = .seconds(min(max(value, 1), 30))
        case "attempts": attempts = min(max(value, 1), 5)
        default: return
        }
    }
}
