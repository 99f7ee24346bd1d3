import Proxy
import Wire

/// Keywords of TCP connections: keepalive, unacknowledged data, splicing.
enum ConnectionKeywords {
    private static let automaticSplicing = "No effect: long streams are always spliced, and short exchanges never."
    private static let ownDefault = "The default is not the system's value."

    static let proxies: [Keyword<ProxyDraft>] = [
        .option("option abortonclose", .serverSide, "A client that ends its stream ends a session that has no server yet, even if it has sent data.") {
            $0.backend.abortsOnClose = $1
        },
        Keyword(
            "option clitcpka", .clientSide, "", inversion: .no, differs: "On by default, with the times of `clitcpka-*`.",
            "TCP keepalive toward clients; on by default.", clientKeepAlive),
        Keyword(
            "option contstats", .clientSide, "", inversion: .no, "No effect: statistics always include the bytes of sessions that have not ended.", nothing),
        .option(
            "option independent-streams", .anyProxy,
            "Only bytes from a client (in a frontend) or from a server (in a backend) count against its timeout, and not those that it receives."
        ) { ($0.frontend.hasIndependentTimeout, $0.backend.hasIndependentTimeout) = ($1, $1) },
        .option(
            "option nolinger", .anyProxy,
            "Resets connections instead of closing them: in a frontend those of clients, in a backend those of servers. Bytes on their way may be lost."
        ) { ($0.frontend.resetsClients, $0.backend.resetsServers) = ($1, $1) },
        .option("option socket-stats", .clientSide, "`show stat` has a row for each address of a `bind`.") { $0.frontend.countsBinds = $1 },
        Keyword("option splice-auto", .anyProxy, "", inversion: .no, automaticSplicing, splice),
        Keyword("option splice-request", .anyProxy, "", inversion: .no, automaticSplicing, splice),
        Keyword("option splice-response", .anyProxy, "", inversion: .no, automaticSplicing, splice),
        Keyword(
            "option srvtcpka", .serverSide, "", inversion: .no, differs: "On by default, with the times of `srvtcpka-*`.",
            "TCP keepalive toward servers; on by default.", serverKeepAlive),
        .option(
            "option tcp-smart-accept", .clientSide, "Saves a packet per connection: a client's first data is acknowledged together with the answer."
        ) { $0.frontend.delaysAcknowledgements = $1 },
        .option(
            "option tcp-smart-connect", .serverSide, "Saves a packet per connection: data that waits for the server is sent with the end of the connect."
        ) { $0.backend.delaysAcknowledgements = $1 },
        Keyword(
            "option tcpka", .anyProxy, "", differs: "On by default, with the times of `clitcpka-*` and `srvtcpka-*`.",
            "TCP keepalive on both sides; on by default.", keepAlive),
    ]

    /// As in HAProxy, a time is in seconds, rounded up to whole ones, and 0 has no effect.
    static let keepAliveTimes: [Keyword<ProxyDraft>] = [
        probes(
            "clitcpka-cnt", .clientSide, "Number of unanswered keepalive probes that end a client's connection; default 3.", \.frontend.keepAlive.probes,
            KeepAlive.clients.probes),
        seconds(
            "clitcpka-idle", .clientSide, "Silence of a client before the first keepalive probe; a number without a unit means seconds; default 120s.",
            \.frontend.keepAlive.idleSeconds, KeepAlive.clients.idleSeconds),
        seconds(
            "clitcpka-intvl", .clientSide, "Time between keepalive probes of a client; a number without a unit means seconds; default 30s.",
            \.frontend.keepAlive.intervalSeconds, KeepAlive.clients.intervalSeconds),
        probes(
            "srvtcpka-cnt", .serverSide, "Number of unanswered keepalive probes that end a server's connection; default 3.", \.backend.keepAlive.probes,
            KeepAlive.servers.probes),
        seconds(
            "srvtcpka-idle", .serverSide, "Silence of a server before the first keepalive probe; a number without a unit means seconds; default 10s.",
            \.backend.keepAlive.idleSeconds, KeepAlive.servers.idleSeconds),
        seconds(
            "srvtcpka-intvl", .serverSide, "Time between keepalive probes of a server; a number without a unit means seconds; default 3s.",
            \.backend.keepAlive.intervalSeconds, KeepAlive.servers.intervalSeconds),
    ]

    static let servers: [Keyword<ServerDraft>] = [
        Keyword(
            "tcp-ut", .server, "<time>", "How long data sent to the server may stay unacknowledged; default: the kernel's limit.",
            userTimeout)
    ]

    /// A keyword that sets `field` to a number of probes; 0 means `standard`.
    private static func probes(
        _ name: String, _ places: KeywordPlaces, _ meaning: String, _ field: WritableKeyPath<ProxyDraft, Int> & Sendable, _ standard: Int
    ) -> Keyword<ProxyDraft> {
        Keyword(name, places, "<number>", differs: ownDefault, meaning) { proxy, line throws(ConfigurationProblem) in
            proxy[keyPath: field] = try line.takeProbes() ?? standard
        }
    }

    /// A keyword that sets `field` to a time; 0 means `standard`.
    private static func seconds(
        _ name: String, _ places: KeywordPlaces, _ meaning: String, _ field: WritableKeyPath<ProxyDraft, Int> & Sendable, _ standard: Int
    ) -> Keyword<ProxyDraft> {
        Keyword(name, places, "<time>", differs: ownDefault + " More than 32767s is an error.", meaning) { proxy, line throws(ConfigurationProblem) in
            proxy[keyPath: field] = try line.takeSeconds() ?? standard
        }
    }

    @Sendable private static func clientKeepAlive(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.frontend.keepAlive.isOn = line.prefix != .no
    }

    @Sendable private static func nothing(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {}

    @Sendable private static func splice(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        if line.prefix == .no { line.notice(.noEffect("no \(line.keyword)", advice: "long streams are always spliced: remove the line")) }
    }

    @Sendable private static func serverKeepAlive(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.keepAlive.isOn = line.prefix != .no
    }

    @Sendable private static func keepAlive(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        clientKeepAlive(&proxy, &line)
        serverKeepAlive(&proxy, &line)
    }

    @Sendable private static func userTimeout(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.userTimeout = try line.takePositiveTime()
    }
}

extension ConfigurationLine {
    /// Takes a time in seconds, rounded up to whole ones; `nil` for 0.
    fileprivate mutating func takeSeconds() throws(ConfigurationProblem) -> Int? {
        let word = try takeRequired()
        let seconds = ConfigurationValue.time(word, standard: "s").map { ($0.wholeMilliseconds + 999) / 1_000 }
        guard let seconds, seconds <= KeepAlive.secondsMax else {
            throw .badValue(
                word, of: keyword, expected: "a time from 1s to \(KeepAlive.secondsMax)s such as 90s or 2m (units us, ms, s, m, h, d; s without one)")
        }
        return seconds == 0 ? nil : Int(seconds)
    }

    /// Takes a number of probes; `nil` for 0.
    fileprivate mutating func takeProbes() throws(ConfigurationProblem) -> Int? {
        let number = try takeNumber(in: 0...KeepAlive.probesMax)
        return number == 0 ? nil : number
    }
}
