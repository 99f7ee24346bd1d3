import Proxy
import Wire

/// Options of listening sockets, which `bind` and `stats socket` lines share.
enum SocketKeywords {
    /// The sizes of TCP segments that Linux accepts.
    static let segmentSizes = 88...32_767
    static let niceMax = 1_024
    static let threadsMax = 64

    /// The keywords, which change the `Bind` at `path` of a draft.
    static func keywords<Draft>(_ place: KeywordPlaces, _ path: WritableKeyPath<Draft, Bind> & Sendable) -> [Keyword<Draft>] {
        /// A keyword whose function changes the bind.
        func keyword(
            _ name: String, _ arguments: String, _ meaning: String, differs difference: String? = nil,
            _ apply: @escaping @Sendable (inout Bind, inout ConfigurationLine) throws(ConfigurationProblem) -> Void
        ) -> Keyword<Draft> {
            Keyword(name, place, arguments, differs: difference, meaning) { draft, line throws(ConfigurationProblem) in
                try apply(&draft[keyPath: path], &line)
            }
        }
        return [
            keyword("backlog", "<number>", "Length of this socket's accept queue; default: `backlog` of the section.", backlog),
            keyword("gid", "<number>", "The group of a UNIX socket's path, by number.", groupNumber),
            keyword("group", "<name>", "The group of a UNIX socket's path.", group),
            keyword("id", "<number>", "The socket's number in `show stat` and in log lines; default: automatic.", identifier),
            keyword(
                "interface", "<name>", "Receives only packets of this network interface; needs root, or `cap_net_raw`, at the start.",
                differs: "If the interface does not exist, the start fails.", interface),
            keyword("maxconn", "<number>", "Maximum number of connections of this socket; 0: only the section's.", maxconn),
            keyword("mode", "<permissions>", "A UNIX socket's permission bits, in octal.", mode),
            keyword(
                "mss", "<bytes>", "Maximum size of TCP segments; Linux ignores a negative number, which would reduce the client's size.",
                differs: "A number from 0 to 87 is an error; a negative number causes a notice.", segmentSize),
            keyword("name", "<name>", "The listener's name in log lines about connections that never become a session, and in `show stat`.", name),
            keyword(
                "namespace", "<name>",
                "The network namespace of an IP address, as `ip netns` creates it; needs root, or `cap_sys_admin`, at the start.",
                differs: "For a UNIX socket or `fd@N`, it has no effect and causes a warning.", namespace),
            keyword("nice", "<number>", "No effect: all sessions have the same priority.", nice),
            keyword("process", "all|odd|even|<number>[-[<number>]][/<threads>]", "No effect: there is only one process.", process),
            keyword("shards", "<number>|by-thread|by-group", "No effect: each forwarding thread has its own socket.", shards),
            keyword("tcp-ut", "<time>", "How long data sent to a client may stay unacknowledged; default: the kernel's limit.", userTimeout),
            keyword("tfo", "", "Clients may send data with their first packet (TCP Fast Open), if `net.ipv4.tcp_fastopen` allows it.", fastOpen),
            keyword("thread", "[<group>/]all|odd|even|<number>[-[<number>]]", "No effect: all forwarding threads accept connections.", thread),
            keyword("tos", "<number>", "Type of service of the packets sent to clients, 0 to 255, also in hexadecimal such as `0x10`.", typeOfService),
            keyword("transparent", "", "The address may belong to another host; needs root, or `cap_net_raw`, at the start.", transparent),
            keyword("uid", "<number>", "The owner of a UNIX socket's path, by number.", userNumber),
            keyword("user", "<name>", "The owner of a UNIX socket's path.", user),
            keyword("v4v6", "", "An IPv6 socket accepts IPv4 clients as well.", v4v6),
            keyword("v6only", "", "An IPv6 socket accepts only IPv6 clients.", v6only),
        ]
    }

    @Sendable private static func backlog(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.backlog = try line.takeNumber(in: 1...ProcessKeywords.connectionsMax)
    }

    @Sendable private static func groupNumber(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.group = try String(line.takeNumber(in: 0...999_999_999))
    }

    @Sendable private static func group(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.group = try line.takeText("a group's name")
    }

    @Sendable private static func identifier(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.number = try line.takeNumber(in: 1...999_999_999)
    }

    @Sendable private static func interface(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.interface = try line.takeInterface()
    }

    @Sendable private static func maxconn(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let number = try line.takeNumber(in: 0...ProcessKeywords.connectionsMax)
        bind.connectionsMax = number > 0 ? number : nil
    }

    @Sendable private static func mode(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.permissions = try line.takePermissions()
    }

    @Sendable private static func segmentSize(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = try line.takeRequired()
        let isReduction = word.hasPrefix("-")
        let size = ConfigurationValue.number(isReduction ? String(word.dropFirst()) : word)
        guard let size, isReduction ? (1...segmentSizes.upperBound).contains(size) : segmentSizes.contains(size) else {
            throw .badValue(word, of: line.keyword, expected: "a size from \(segmentSizes.lowerBound) to \(segmentSizes.upperBound), such as 1400")
        }
        if isReduction { line.notice(.noEffect("mss \(word)", advice: "Linux ignores it: write the maximum size, such as 1400")) }
        bind.segmentSizeMax = isReduction ? nil : size
    }

    @Sendable private static func name(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) { bind.name = try line.takeName() }

    @Sendable private static func namespace(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.namespace = try line.takeNamespace()
    }

    @Sendable private static func nice(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = try line.takeRequired()
        guard let number = ConfigurationValue.number(word.hasPrefix("-") ? String(word.dropFirst()) : word), number <= niceMax else {
            throw .badValue(word, of: line.keyword, expected: "a number from -\(niceMax) to \(niceMax)")
        }
    }

    @Sendable private static func process(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = try line.takeRequired()
        let parts = word.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard ThreadSet.isValid(parts[0], max: 1), parts.count == 1 || ThreadSet.isValid(parts[1], max: threadsMax) else {
            throw .badValue(word, of: line.keyword, expected: "process 1, as in '1' or '1/all'")
        }
    }

    @Sendable private static func shards(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        if !line.take("by-thread"), !line.take("by-group") { _ = try line.takeNumber(in: 1...threadsMax) }
    }

    @Sendable private static func userTimeout(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.userTimeout = try line.takePositiveTime()
    }

    @Sendable private static func fastOpen(_ bind: inout Bind, _ line: inout ConfigurationLine) { bind.usesFastOpen = true }

    @Sendable private static func thread(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = try line.takeRequired()
        let parts = word.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let group = parts.count > 1 ? ConfigurationValue.number(String(parts[0])) : 1
        guard let group, (1...threadsMax).contains(group), ThreadSet.isValid(parts[parts.count - 1], max: threadsMax) else {
            throw .badValue(word, of: line.keyword, expected: "threads such as 1, 1-4, odd or all")
        }
    }

    @Sendable private static func typeOfService(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = try line.takeRequired()
        let value = word.hasPrefix("0x") || word.hasPrefix("0X") ? UInt8(word.dropFirst(2), radix: 16) : UInt8(word)
        guard let value, !word.hasPrefix("+") else { throw .badValue(word, of: line.keyword, expected: "a number from 0 to 255, such as 16 or 0x10") }
        bind.typeOfService = value
    }

    @Sendable private static func transparent(_ bind: inout Bind, _ line: inout ConfigurationLine) { bind.isTransparent = true }

    @Sendable private static func userNumber(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.user = try String(line.takeNumber(in: 0...999_999_999))
    }

    @Sendable private static func user(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.user = try line.takeText("a user's name")
    }

    @Sendable private static func v4v6(_ bind: inout Bind, _ line: inout ConfigurationLine) { bind.isV6Only = false }

    @Sendable private static func v6only(_ bind: inout Bind, _ line: inout ConfigurationLine) { bind.isV6Only = true }
}

/// HAProxy's sets of processes and threads: `all`, `odd`, `even`, a number, or a range whose upper end may be missing.
private enum ThreadSet {
    static func isValid(_ word: Substring, max: Int) -> Bool {
        if word == "all" || word == "odd" || word == "even" { return true }
        let ends = word.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let first = ConfigurationValue.number(ends[0]), (1...max).contains(first) else { return false }
        guard ends.count > 1, !ends[1].isEmpty else { return true }
        return ConfigurationValue.number(ends[1]).map { (first...max).contains($0) } ?? false
    }
}

extension Bind {
    /// Warns of a `namespace` without an effect, and ignores it. As in HAProxy, it applies to IP addresses only.
    mutating func requireIPForNamespace(_ line: inout ConfigurationLine) {
        guard let name = namespace else { return }
        switch endpoint {
        case .ip, .name: return
        case .unix, .inherited: break
        }
        namespace = nil
        line.warn(.noEffect("namespace \(name)", advice: "only IP addresses are in a network namespace: remove the option"))
    }
}

extension ConfigurationLine {
    /// Takes the name of a network namespace, which is that of a file in `NetworkNamespaces.folder`.
    mutating func takeNamespace() throws(ConfigurationProblem) -> String {
        let word = try takeRequired()
        guard (1...Bind.namespaceBytesMax).contains(word.utf8.count), !word.utf8.contains(UInt8(ascii: "/")), word != ".", word != ".." else {
            throw .badValue(word, of: keyword, expected: "a name that 'ip netns list' shows")
        }
        return word
    }

    /// Takes the name of a network interface.
    mutating func takeInterface() throws(ConfigurationProblem) -> String {
        let word = try takeRequired()
        guard (1...SourceSettings.interfaceBytesMax).contains(word.utf8.count), !word.utf8.contains(UInt8(ascii: "/")) else {
            throw .badValue(word, of: keyword, expected: "an interface's name of at most \(SourceSettings.interfaceBytesMax) bytes, such as eth0")
        }
        return word
    }
}
