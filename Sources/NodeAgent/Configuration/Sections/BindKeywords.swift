import Proxy
import Wire

/// The options of `bind` lines.
enum BindKeywords {
    static let networksMax = 64

    static let keywords: [Keyword] = [
        Keyword(
            "accept-proxy", .bind, "[optional from <network>[,...]]",
            "A PROXY header comes before a connection's first byte, and names the client; with `optional`, it may from these networks.", .bind(acceptProxy)),
        Keyword("backlog", .bind, "<number>", "This socket's queue; the frontend's `backlog` without it.", .bind(backlog)),
        Keyword("mode", .bind, "<permissions>", "A UNIX socket's permission bits, in octal.", .bind(mode)),
        Keyword("name", .bind, "<name>", "The listener's name in lines about connections that become no session.", .bind(name)),
        Keyword("v4v6", .bind, "", "An IPv6 socket takes IPv4 clients, too.", .bind(v4v6)),
        Keyword("v6only", .bind, "", "An IPv6 socket takes IPv6 clients only.", .bind(v6only)),
    ]

    /// The binds of one line, which differ in their addresses only.
    static func read(_ line: inout ConfigurationLine) throws(ConfigurationProblem) -> [Bind] {
        let endpoints = try AddressReader(line).readBinds(line.need())
        var template = Bind(endpoint: .name("", port: 0), location: line.location)
        try line.readOptions(of: .bind) { keyword, line throws(ConfigurationProblem) in
            if case .bind(let apply) = keyword.action { try apply(&template, &line) }
        }
        return endpoints.map { endpoint in
            var bind = template
            bind.endpoint = endpoint
            return bind
        }
    }

    @Sendable private static func acceptProxy(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard line.peek == "optional" else {
            bind.proxyHeader = .required
            return
        }
        _ = line.take()
        _ = try line.needChoice(["from": true])
        let word = try line.need()
        let networks = word.split(separator: ",", omittingEmptySubsequences: false).map { IPNetwork($0) }
        guard networks.count <= networksMax else { throw .tooMany(what: "networks", limit: networksMax) }
        guard case let known = networks.compactMap({ $0 }), known.count == networks.count else {
            throw .badValue(word, of: line.keyword, expected: "the load balancer's networks, such as 10.0.1.0/24,10.0.2.0/24, each with its first address")
        }
        bind.proxyHeader = .optional(from: known)
    }

    @Sendable private static func backlog(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.backlog = try line.needNumber(in: 1...GlobalKeywords.connectionsMax)
    }

    @Sendable private static func mode(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.permissions = try line.needPermissions()
    }

    @Sendable private static func name(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.name = try line.needName()
    }

    @Sendable private static func v4v6(_ bind: inout Bind, _ line: inout ConfigurationLine) { bind.isV6Only = false }

    @Sendable private static func v6only(_ bind: inout Bind, _ line: inout ConfigurationLine) { bind.isV6Only = true }
}
