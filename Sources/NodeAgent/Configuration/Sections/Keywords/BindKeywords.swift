import Proxy
import Wire

/// Keywords of a proxy's listening addresses.
enum BindKeywords {
    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "backlog", .clientSide, "<number>",
            "Length of the queue of connections waiting to be accepted at an address; default: `maxconn` of the section, else of the process.", backlog),
        Keyword(
            "bind", .listening, "<address>[,...] [<option> ...]", repetition: .many,
            differs: "One listening socket for each thread; an address that is bound twice, or that another process serves, causes a warning or an error.",
            "Address to listen on: `host:port`, `*:port`, `[::]:port`, a port range `low-high`, a path, `abns@NAME` or `fd@N`.", bind),
        Keyword(
            "maxconn", .clientSide, "<number>", differs: "The log reports that the limit is reached.",
            "Maximum number of sessions; default: `maxconn` of the process.", maxconn),
    ]

    @Sendable private static func backlog(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.frontend.backlog = try line.takeNumber(in: 1...ProcessKeywords.connectionsMax)
    }

    @Sendable private static func bind(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let binds = try readBinds(&line)
        guard proxy.frontend.binds.count + binds.count <= ProxyDraft.bindsMax else {
            throw .tooMany(what: "addresses", limit: ProxyDraft.bindsMax)
        }
        if let number = binds.first?.number {
            guard binds.count == 1 else { throw .custom("'id \(number)' of several addresses", advice: "write one line for each address") }
            if let first = proxy.frontend.binds.first(where: { $0.number == number }) {
                throw .custom("duplicate 'id \(number)'", advice: "the first is at \(first.location): write another number")
            }
        }
        proxy.frontend.binds += binds
    }

    /// Parses the binds of one line, which differ only in their addresses.
    private static func readBinds(_ line: inout ConfigurationLine) throws(ConfigurationProblem) -> [Bind] {
        let addresses = try AddressReader(line).readBinds(line.takeRequired())
        var template = Bind(endpoint: .name("", port: 0), location: line.location)
        try line.readOptions(of: BindOptions.self, into: &template)
        return addresses.map { address in
            var bind = template
            (bind.endpoint, bind.family) = (address.endpoint, address.family)
            bind.requireIPForNamespace(&line)
            return bind
        }
    }

    @Sendable private static func maxconn(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let number = try line.takeNumber(in: 0...ProcessKeywords.connectionsMax)
        proxy.frontend.connectionsMax = number > 0 ? number : nil
    }
}

/// The options of a `bind` line.
enum BindOptions: KeywordPlace {
    static let name = "bind"
    static let networksMax = 64

    static let keywords = KeywordTable((own + SocketKeywords.keywords(.bind, \.self)).inManualOrder())

    private static let own: [Keyword<Bind>] = [
        Keyword(
            "accept-proxy", .bind, "[optional from <network>[,...]]",
            differs: "Waits for a header that arrives in pieces; where servers speak first, a session begins after 300 ms, even without a header.",
            "Requires a PROXY header with the client's address on each connection; with `optional` the header may be missing; only these networks may send it.",
            acceptProxy),
        Keyword("expose-fd", .bind, "listeners", "No effect: it is for a `stats socket`.") { _, line throws(ConfigurationProblem) in
            _ = try line.takeChoice(["listeners": true])
        },
        Keyword("level", .bind, "user|operator|admin", "No effect: it is for a `stats socket`.") { _, line throws(ConfigurationProblem) in
            _ = try line.takeChoice(["user": true, "operator": true, "admin": true])
        },
        Keyword("severity-output", .bind, "none|number|string", "No effect: it is for a `stats socket`.") { _, line throws(ConfigurationProblem) in
            _ = try line.takeChoice(["none": true, "number": true, "string": true])
        },
    ]

    @Sendable private static func acceptProxy(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard line.take("optional") else {
            bind.proxyHeader = .required
            return
        }
        _ = try line.takeChoice(["from": true])
        let expected = "the load balancer's networks, each by its first address, such as 10.0.1.0/24,10.0.2.0/24"
        bind.proxyHeader = .optional(from: try line.takeNetworks(limit: networksMax, expected: expected) { IPNetwork($0) })
    }
}
