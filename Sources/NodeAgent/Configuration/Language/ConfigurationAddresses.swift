import LinuxIO
import Proxy
import Wire

/// Parses HAProxy's address forms.
///
///     10.0.0.1:3306   db1.internal:3306   [2001:db8::1]:3306   2001:db8::1:3306   *:3306   :3306   :::3306
///     ipv4@... ipv6@... unix@PATH /path fd@N
///     listening sockets and servers: ip@... tcp@... tcp4@... tcp6@... abns@NAME uxst@PATH
///
/// Without brackets the last colon separates the port. `${NAME}` is replaced by the environment variable, also outside quotes.
struct AddressReader {
    /// The prefix before the `@`.
    private enum Family: Equatable {
        case any, v4, v6

        /// The family that addresses must have; `nil` for either.
        var required: AddressFamily? {
            switch self {
            case .any: nil
            case .v4: .v4
            case .v6: .v6
            }
        }
    }

    /// The words before the `@` of an IP address.
    private static let families: [Substring: Family] = ["ipv4": .v4, "ipv6": .v6]
    /// The same for a TCP socket.
    private static let streamFamilies = families.merging(["ip": .any, "tcp": .any, "tcp4": .v4, "tcp6": .v6]) { $1 }

    /// The most addresses of one line.
    static let addressesMax = 1_024

    let keyword: String
    let location: ConfigurationLocation
    let environment: [String: String]

    init(_ line: ConfigurationLine) {
        keyword = line.keyword
        location = line.location
        environment = line.environment
    }

    /// Parses the addresses of a `bind` line: a list with port ranges.
    func readBinds(_ word: String) throws(ConfigurationProblem) -> [Bind] {
        var binds: [Bind] = []
        for part in try expand(word).split(separator: ",", omittingEmptySubsequences: false) {
            binds += try readBind(String(part))
            guard binds.count <= Self.addressesMax else { throw .tooMany(what: "addresses on a '\(keyword)' line", limit: Self.addressesMax) }
        }
        return binds
    }

    /// Parses a server's address, the destination port of its sessions, and the family that its address must have.
    func readServer(_ word: String) throws(ConfigurationProblem) -> (endpoint: Endpoint, port: PortRule, family: AddressFamily?) {
        let word = try expand(word)
        let expected = "an address such as 10.0.0.1:3306 or db1.internal:3306"
        if let local = try readStream(word) {
            guard case .unix = local else { throw .badValue(word, of: keyword, expected: expected) }
            return (local, .client(offset: 0), nil)
        }
        let (family, host, port) = split(word, Self.streamFamilies)
        let rule = try readPort(port, of: word)
        var number: UInt16 = 0
        if case .fixed(let port) = rule { number = port }
        if host.utf8.first == UInt8(ascii: "_") {
            let expected = "a service name such as _mysql._tcp.db.internal: its records contain the port"
            guard DNSName(host) != nil, port == nil || number > 0 else { throw .badValue(word, of: keyword, expected: expected) }
            return (.name(host, port: number), .fixed(number), nil)
        }
        guard let endpoint = try streamEndpoint(host, family, port: number, of: word) else { throw .badValue(word, of: keyword, expected: expected) }
        return (endpoint, rule, family.required)
    }

    /// Parses the local address of connections: an address, and a port or, if `allowsRange`, a range of ports. `*` and port 0 leave the choice to the kernel.
    func readSource(_ word: String, allowsRange: Bool) throws(ConfigurationProblem) -> (address: IPAddress?, ports: ClosedRange<UInt16>?) {
        let word = try expand(word)
        let expected = "an address such as 10.0.0.9, with a port" + (allowsRange ? ", or with a range of ports such as 10.0.0.9:40000-49999" : " or without")
        let (family, host, port) = split(word, Self.streamFamilies)
        let dashes = port?.utf8.count { $0 == UInt8(ascii: "-") } ?? 0
        guard case .ip(let address, _)? = try endpoint(host, family, port: 0, of: word), dashes <= (allowsRange ? 1 : 0) else {
            throw .badValue(word, of: keyword, expected: expected)
        }
        guard let port, !port.isEmpty, port != "0" else { return (address.isUnspecified ? nil : address, nil) }
        return (address, try portRange(port, of: word))
    }

    /// Parses a log target; the default port is 514.
    func readLogTarget(_ word: String) throws(ConfigurationProblem) -> Endpoint {
        let word = try expand(word)
        if word == "stdout" { return .inherited(1) }
        if word == "stderr" { return .inherited(2) }
        if let local = try readLocal(word) { return local }
        let (family, host, port) = split(word.hasPrefix("udp@") ? String(word.dropFirst(4)) : word)
        let number = try port.map { part throws(ConfigurationProblem) in try portNumber(part, of: word) } ?? 514
        guard let endpoint = try endpoint(host, family, port: number, of: word), !isUnspecified(endpoint) else {
            throw .badValue(word, of: keyword, expected: "a target such as 127.0.0.1:514, /dev/log or stdout")
        }
        return endpoint
    }

    /// Parses a nameserver: a numeric address and a port, and the transport of the first question to it.
    func readNameserver(_ word: String) throws(ConfigurationProblem) -> (address: SocketAddress, transport: QuestionTransport) {
        let word = try expand(word)
        let prefixes: [(text: String, transport: QuestionTransport, family: Family)] = [
            ("tcp@", .tcp, .any), ("tcp4@", .tcp, .v4), ("tcp6@", .tcp, .v6), ("udp@", .udp, .any), ("udp4@", .udp, .v4), ("udp6@", .udp, .v6),
        ]
        let (prefix, transport, required) = prefixes.first { word.hasPrefix($0.text) } ?? ("", .udp, .any)
        let (family, host, port) = split(String(word.dropFirst(prefix.count)))
        guard let port, case .ip(let address, let number)? = try endpoint(host, family, port: portNumber(port, of: word), of: word),
            !address.isUnspecified, required == .any || (required == .v6) == address.isV6
        else { throw .badValue(word, of: keyword, expected: "an address with a port, such as 10.0.0.2:53 or tcp@10.0.0.2:53") }
        return (.ip(address, port: number), transport)
    }

    /// Parses the address of a cluster node: an address or a name, and a port.
    func readGossipNode(_ word: String) throws(ConfigurationProblem) -> Endpoint {
        let word = try expand(word)
        let expected = "an address and a port, such as 10.0.1.10:7946 or tsukada01.internal:7946"
        let (family, host, port) = split(word)
        guard let port, !host.isEmpty, let endpoint = try endpoint(host, family, port: portNumber(port, of: word), of: word), !isUnspecified(endpoint),
            !isMulticastOrBroadcast(endpoint)
        else {
            throw .badValue(word, of: keyword, expected: expected)
        }
        return endpoint
    }

    /// Parses the address at which a node receives gossip: an address or a name, and a port; `*` for all addresses.
    func readGossipBind(_ word: String) throws(ConfigurationProblem) -> Endpoint {
        let word = try expand(word)
        let (family, host, port) = split(word)
        guard let port, let endpoint = try endpoint(host, family, port: portNumber(port, of: word), of: word) else {
            throw .badValue(word, of: keyword, expected: "an address and a port, such as 10.0.1.10:7946, tsukada01.internal:7946 or *:7946")
        }
        return endpoint
    }

    /// Parses the address at which a server is checked: an address or a name, with or without a port. As in HAProxy, the last colon separates the port; an IPv6
    /// address without brackets that is only valid as a whole has none.
    func readCheckAddress(_ word: String) throws(ConfigurationProblem) -> Endpoint {
        let word = try expand(word)
        let expected = "an address or a name, such as 10.0.0.1, 10.0.0.1:8080 or db1.internal"
        let (family, host, port) = split(word)
        if !host.isEmpty, host != "*", let port, IPAddress(host) != nil || IPAddress(word) == nil {
            guard let endpoint = try endpoint(host, family, port: portNumber(port, of: word), of: word), !isUnspecified(endpoint) else {
                throw .badValue(word, of: keyword, expected: expected)
            }
            return endpoint
        }
        return try readHost(word, expected: expected)
    }

    /// Parses the address of a server's agent: an address or a name, without a port.
    func readAgentAddress(_ word: String) throws(ConfigurationProblem) -> Endpoint {
        try readHost(expand(word), expected: "an address or a name without a port, such as 10.0.0.1 or db1.internal")
    }

    private func readHost(_ word: String, expected: String) throws(ConfigurationProblem) -> Endpoint {
        guard !word.isEmpty, word != "*", let endpoint = try endpoint(unbracket(word[...]), .any, port: 0, of: word), !isUnspecified(endpoint) else {
            throw .badValue(word, of: keyword, expected: expected)
        }
        return endpoint
    }

    private func readBind(_ word: String) throws(ConfigurationProblem) -> [Bind] {
        let expected = "an address and a port such as 10.0.0.1:3306, *:3306 or [::]:3306"
        if let local = try readStream(word) { return [Bind(endpoint: local, location: location)] }
        let (family, host, port) = split(word, Self.streamFamilies)
        guard let port, !port.isEmpty else { throw .badValue(word, of: keyword, expected: expected) }
        let range = try portRange(port, of: word)
        guard range.count <= Self.addressesMax else { throw .tooMany(what: "addresses on a '\(keyword)' line", limit: Self.addressesMax) }
        var binds: [Bind] = []
        for number in range {
            guard let endpoint = try streamEndpoint(host, family, port: number, of: word) else { throw .badValue(word, of: keyword, expected: expected) }
            var bind = Bind(endpoint: endpoint, location: location)
            bind.family = family.required
            binds.append(bind)
        }
        return binds
    }

    /// Parses the UNIX sockets and descriptors of listening sockets and servers; `nil` for IP addresses and names.
    private func readStream(_ word: String) throws(ConfigurationProblem) -> Endpoint? {
        let prefix = word.prefix { $0 != "@" }
        guard prefix.endIndex < word.endIndex, !word.hasPrefix("/") else { return try readLocal(word) }
        if Self.streamFamilies[prefix] != nil { return nil }
        let name = String(word[prefix.endIndex...].dropFirst())
        switch prefix {
        case "uxst": return try readLocal("unix@" + name)
        case "abns":
            guard (1..<SocketAddress.abstractBytesMax).contains(name.utf8.count) else {
                throw .badValue(word, of: keyword, expected: "abns@ and a name of at most \(SocketAddress.abstractBytesMax - 1) bytes")
            }
            return .unix(RawSocketAddress.abstractPath(name))
        default: return try readLocal(word)
        }
    }

    /// Parses paths and descriptors; `nil` for other forms. Throws for forms that tsukada does not support.
    private func readLocal(_ word: String) throws(ConfigurationProblem) -> Endpoint? {
        if word.hasPrefix("/") || word.hasPrefix("unix@") {
            let path = word.hasPrefix("/") ? word : String(word.dropFirst(5))
            guard (1...SocketAddress.pathBytesMax).contains(path.utf8.count) else {
                throw .badValue(word, of: keyword, expected: "a path of at most \(SocketAddress.pathBytesMax) bytes")
            }
            return .unix(path)
        }
        if word.hasPrefix("fd@") {
            guard let number = ConfigurationValue.number(String(word.dropFirst(3))), number <= 65_535 else {
                throw .badValue(word, of: keyword, expected: "fd@ and the number of an inherited descriptor, such as fd@3")
            }
            return .inherited(Int32(number))
        }
        let prefix = word.prefix { $0 != "@" }
        guard prefix.endIndex < word.endIndex, !["ipv4", "ipv6", "udp"].contains(prefix) else { return nil }
        throw .unsupported(prefix + "@", advice: "keep HAProxy for what needs it")
    }

    private func split(_ word: String, _ families: [Substring: Family] = AddressReader.families) -> (family: Family, host: String, port: String?) {
        var rest = word[...]
        var family = Family.any
        let prefix = rest.prefix { $0 != "@" }
        if prefix.endIndex < rest.endIndex, let required = families[prefix] { (family, rest) = (required, rest[prefix.endIndex...].dropFirst()) }
        if rest.hasSuffix("]") { return (family, unbracket(rest), nil) }
        guard let colon = rest.lastIndex(of: ":") else { return (family, String(rest), nil) }
        return (family, unbracket(rest[..<colon]), String(rest[rest.index(after: colon)...]))
    }

    private func unbracket(_ host: Substring) -> String {
        guard host.hasPrefix("["), host.hasSuffix("]"), host.count > 2 else { return String(host) }
        return String(host.dropFirst().dropLast())
    }

    private func endpoint(_ host: String, _ family: Family, port: UInt16, of word: String) throws(ConfigurationProblem) -> Endpoint? {
        if host.isEmpty || host == "*" { return .ip(family == .v6 ? .anyV6 : .anyV4, port: port) }
        if let address = IPAddress(host) {
            return family == .any || (family == .v6) == address.isV6 ? .ip(address, port: port) : nil
        }
        guard ConfigurationValue.isHostName(host) else { return nil }
        guard family == .any else { throw .unsupported(word, advice: "write an address of this family instead of the name") }
        return .name(host, port: port)
    }

    /// The same for a listening socket or a server, whose name may have a family.
    private func streamEndpoint(_ host: String, _ family: Family, port: UInt16, of word: String) throws(ConfigurationProblem) -> Endpoint? {
        let isName = IPAddress(host) == nil && ConfigurationValue.isHostName(host)
        return try endpoint(host, isName ? .any : family, port: port, of: word)
    }

    private func readPort(_ port: String?, of word: String) throws(ConfigurationProblem) -> PortRule {
        guard let port else { return .client(offset: 0) }
        guard let sign = port.first, sign == "+" || sign == "-" else { return .fixed(try portNumber(port, of: word)) }
        guard let offset = ConfigurationValue.number(String(port.dropFirst())), offset <= 65_535 else {
            throw .badValue(word, of: keyword, expected: "an offset from the client's port, such as +100 or -100")
        }
        return .client(offset: sign == "-" ? -offset : offset)
    }

    /// Parses a port, or two that are the ends of a range.
    private func portRange(_ ports: String, of word: String) throws(ConfigurationProblem) -> ClosedRange<UInt16> {
        let ends = ports.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let first = try portNumber(ends[0], of: word)
        let last = ends.count > 1 ? try portNumber(ends[1], of: word) : first
        guard first <= last else { throw .badValue(word, of: keyword, expected: "the lower port first") }
        return first...last
    }

    private func portNumber(_ port: String, of word: String) throws(ConfigurationProblem) -> UInt16 {
        guard let number = ConfigurationValue.number(port), (1...65_535).contains(number) else {
            throw .badValue(word, of: keyword, expected: "a port from 1 to 65535 after the last colon")
        }
        return UInt16(number)
    }

    private func isUnspecified(_ endpoint: Endpoint) -> Bool {
        if case .ip(let address, _) = endpoint { address.isUnspecified } else { false }
    }

    /// Whether the address is multicast or broadcast, from which no host answers.
    private func isMulticastOrBroadcast(_ endpoint: Endpoint) -> Bool {
        switch endpoint {
        case .ip(.v4(let bits), _): bits >> 28 == 0xe || bits == .max
        case .ip(.v6(let high, _), _): high >> 56 == 0xff
        case .name, .unix, .inherited: false
        }
    }

    private func expand(_ word: String) throws(ConfigurationProblem) -> String {
        guard word.contains("$") else { return word }
        var quoted: [UInt8] = [UInt8(ascii: "\"")]
        for byte in word.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { quoted.append(UInt8(ascii: "\\")) }
            quoted.append(byte)
        }
        quoted.append(UInt8(ascii: "\""))
        do throws(ConfigurationLexer.ReadError) {
            return try ConfigurationLexer(environment: environment).read(quoted[...]).words.joined(separator: " ")
        } catch {
            throw error.problem
        }
    }
}
