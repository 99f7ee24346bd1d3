import Proxy
import Wire

/// The keywords of `defaults`, `frontend`, `listen` and `backend`, but for timeouts and options.
enum ProxyKeywords {
    static let retriesMax = 1_000

    static let keywords: [Keyword] = [
        Keyword(
            "backlog", .clientSide, "<number>",
            "The queue of connections that wait at an address; without it the section's `maxconn`, or else the process's.", .proxy(backlog)),
        Keyword(
            "balance", .serverSide, "roundrobin|leastconn|source", "How a server is chosen; `roundrobin` without it.", .proxy(balance)),
        Keyword(
            "bind", [.frontend, .listen], "<address>[,...] [<option> ...]", repetition: .many,
            "Where to listen: `host:port`, `*:port`, `[::]:port`, `low-high` for ports, a path, `fd@N`.", .proxy(bind)),
        Keyword(
            "default-server", .serverSide, "<option> ...", repetition: .many, "Options of all servers that follow.", .proxy(defaultServer)),
        Keyword("default_backend", .clientSide, "<name>", "The backend that takes the sessions.", .proxy(defaultBackend)),
        Keyword("description", .namedProxy, "<text> ...", "A note, which nothing shows yet.", .proxy(description)),
        Keyword("disabled", .anyProxy, "", "The section is read and does nothing.", .proxy(disabled)),
        Keyword("enabled", .anyProxy, "", "Undoes a `disabled` of `defaults`.", .proxy(enabled)),
        Keyword(
            "fullconn", .serverSide, "<number>",
            "The load shown as full; without it a tenth, rounded up, of the `maxconn` of all frontends that name the backend.", .proxy(fullconn)),
        Keyword(
            "greeting-timeout", .serverSide, "<time>",
            "How long a server that speaks first may be silent, from the connect on, while there are others; 1s without it.", .proxy(greetingTimeout)),
        Keyword(
            "log", .anyProxy, LogLines.proxyShape, repetition: .many, inversion: .no,
            "Where log lines go; `log global` for the targets of `global`, `no log` for nowhere.", .proxy(log)),
        Keyword("log-tag", .anyProxy, "<tag>", "The program's name in this section's log lines.", .proxy(logTag)),
        Keyword("maxconn", .clientSide, "<number>", "Sessions at once; the process's `maxconn` without it.", .proxy(maxconn)),
        Keyword("mode", .anyProxy, "tcp", "TCP is all there is.", .proxy(mode)),
        Keyword("retries", .serverSide, "<number>", "Connects after a failed first one; 3 without it.", .proxy(retries)),
        Keyword(
            "retry-budget", .serverSide, "<percent>", "Which share of the new sessions may leave servers that are silent; 20% without it.", .proxy(retryBudget)),
        Keyword(
            "server", [.listen, .backend], "<name> <address> [<option> ...]", repetition: .many,
            "A server: `host[:port]`, `[v6]:port`, `host:+offset`, a path; without port the client's.", .proxy(server)),
        Keyword(
            "server-template", [.listen, .backend], "<prefix> <count|low-high> <name:port> [<option> ...]", repetition: .many,
            "That many servers, filled with the addresses that the name has.", .proxy(serverTemplate)),
        Keyword(
            "use_backend", [.frontend, .listen], "<name>", repetition: .many, "Without condition: the backend that takes the sessions.", .proxy(useBackend)),
    ]

    @Sendable private static func backlog(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.frontend.backlog = try line.needNumber(in: 1...GlobalKeywords.connectionsMax)
    }

    @Sendable private static func balance(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        if let word = line.peek, let problem = ForeignKeywords.problem(withBalance: word) { throw problem }
        proxy.backend.balance = try line.needChoice(["roundrobin": .roundRobin, "leastconn": .leastConnections, "source": .source])
    }

    @Sendable private static func bind(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let binds = try BindKeywords.read(&line)
        guard proxy.frontend.binds.count + binds.count <= ProxyDraft.bindsMax else {
            throw .tooMany(what: "addresses in a section", limit: ProxyDraft.bindsMax)
        }
        proxy.frontend.binds += binds
    }

    @Sendable private static func defaultBackend(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.defaultBackend = NameReference(name: try line.needName(), keyword: line.keyword, location: line.location)
    }

    @Sendable private static func useBackend(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let reference = NameReference(name: try line.needName(), keyword: line.keyword, location: line.location)
        if let word = line.peek, word == "if" || word == "unless" {
            let advice = ForeignKeywords.keepingHAProxy(for: proxy.place, "the condition decides where sessions go")
            throw .unsupported("use_backend ... \(word)", advice: advice)
        }
        try line.end()
        guard proxy.usedBackends.count < ProxyDraft.usedBackendsMax else {
            throw .tooMany(what: "'use_backend' lines", limit: ProxyDraft.usedBackendsMax)
        }
        if let first = proxy.usedBackends.first {
            line.warn(.noEffect("use_backend \(reference.name)", advice: "the one of \(first.location) takes every session: remove this one"))
        }
        proxy.usedBackends.append(reference)
    }

    @Sendable private static func description(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let text = line.takeAll()
        proxy.frontend.description = text
        proxy.backend.description = text
    }

    @Sendable private static func disabled(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.frontend.isDisabled = true
        proxy.backend.isDisabled = true
    }

    @Sendable private static func enabled(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.frontend.isDisabled = false
        proxy.backend.isDisabled = false
    }

    @Sendable private static func fullconn(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.fullConnections = try line.needNumber(in: 1...GlobalKeywords.connectionsMax)
    }

    @Sendable private static func log(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard line.prefix == .nothing else {
            try line.end()
            proxy.log = []
            return
        }
        guard proxy.log.count < ProxyDraft.logTargetsMax else { throw .tooMany(what: "'log' lines", limit: ProxyDraft.logTargetsMax) }
        guard line.peek == "global" else { return proxy.log.append(.target(try LogLines.readTarget(&line))) }
        line.next += 1
        try line.end()
        if !proxy.log.contains(.global) { proxy.log.append(.global) }
    }

    @Sendable private static func logTag(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.logTag = try line.needText("a tag")
    }

    @Sendable private static func maxconn(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let number = try line.needNumber(in: 0...GlobalKeywords.connectionsMax)
        proxy.frontend.connectionsMax = number > 0 ? number : nil
    }

    @Sendable private static func mode(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        switch try line.need() {
        case "tcp": proxy.httpMode = nil
        case "http" where proxy.place == .defaults:
            proxy.httpMode = line.location
            line.notice(.http("mode http", advice: "tsukada serves the proxies that have a line 'mode tcp' of their own, keep HAProxy for the others"))
        case "http":
            proxy.httpMode = nil
            throw .unsupported("mode http", advice: "keep HAProxy for this proxy; a section 'probe' answers a load balancer's check")
        case "health": throw .removed("mode health", replacement: "write a section 'probe'")
        case let word where ["log", "spop", "haterm"].contains(word): throw .unsupported("mode \(word)", advice: "keep HAProxy for this proxy")
        case let word: throw .unknownWord(word, of: "mode", allowed: ["tcp"], suggestion: Spelling.nearest(to: word, among: ["tcp"]))
        }
    }

    @Sendable private static func retries(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.retriesMax = try line.needNumber(in: 0...retriesMax)
    }

    @Sendable private static func greetingTimeout(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.greetingTimeout = try line.needPositiveTime()
    }

    @Sendable private static func retryBudget(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.retryBudgetPercent = try line.needPercent()
    }

    @Sendable private static func defaultServer(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        try ServerKeywords.readOptions(&proxy.defaultServer, &line)
    }

    @Sendable private static func server(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        try append(ServerKeywords.readServer(&line, defaults: proxy.defaultServer), to: &proxy)
    }

    @Sendable private static func serverTemplate(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        for slot in try ServerKeywords.readTemplate(&line, defaults: proxy.defaultServer) { try append(slot, to: &proxy) }
    }

    private static func append(_ draft: ServerDraft, to proxy: inout ProxyDraft) throws(ConfigurationProblem) {
        guard proxy.backend.servers.count < ProxyDraft.serversMax else { throw .tooMany(what: "servers in a section", limit: ProxyDraft.serversMax) }
        var server = draft.finished
        guard proxy.serverNames.insert(server.name).inserted else {
            let first = proxy.backend.servers.first { $0.name == server.name }
            throw .duplicate(server.name, kind: "server", first: first?.location ?? server.location)
        }
        if let reference = draft.resolvers, proxy.resolverReferences.last != reference { proxy.resolverReferences.append(reference) }
        server.identifier = proxy.backend.servers.count + 1
        proxy.backend.servers.append(server)
    }
}
