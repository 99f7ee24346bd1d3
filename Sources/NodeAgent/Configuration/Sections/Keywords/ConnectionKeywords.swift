import Proxy
import Wire

/// Keywords of TCP connections: keepalive, unacknowledged data, splicing.
enum ConnectionKeywords {
    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "option clitcpka", .clientSide, "", inversion: .no, differs: "On by default, with the times of `clitcpka-*`.",
            "TCP keepalive toward clients; on by default.", clientKeepAlive),
        Keyword("option splice-auto", .anyProxy, "", inversion: .no, "No effect: streams are always spliced.", splice),
        Keyword("option splice-request", .anyProxy, "", inversion: .no, "No effect: streams are always spliced.", splice),
        Keyword("option splice-response", .anyProxy, "", inversion: .no, "No effect: streams are always spliced.", splice),
        Keyword(
            "option srvtcpka", .serverSide, "", inversion: .no, differs: "On by default, with the times of `srvtcpka-*`.",
            "TCP keepalive toward servers; on by default.", serverKeepAlive),
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
            "clitcpka-idle", .clientSide, "Silence of a client before the first keepalive probe, in seconds; default 120s.",
            \.frontend.keepAlive.idleSeconds, KeepAlive.clients.idleSeconds),
        seconds(
            "clitcpka-intvl", .clientSide, "Time between keepalive probes of a client, in seconds; default 30s.",
            \.frontend.keepAlive.intervalSeconds, KeepAlive.clients.intervalSeconds),
        probes(
            "srvtcpka-cnt", .serverSide, "Number of unanswered keepalive probes that end a server's connection; default 3.", \.backend.keepAlive.probes,
            KeepAlive.servers.probes),
        seconds(
            "srvtcpka-idle", .serverSide, "Silence of a server before the first keepalive probe, in seconds; default 10s.",
            \.backend.keepAlive.idleSeconds, KeepAlive.servers.idleSeconds),
        seconds(
            "srvtcpka-intvl", .serverSide, "Time between keepalive probes of a server, in seconds; default 3s.",
            \.backend.keepAlive.intervalSeconds, KeepAlive.servers.intervalSeconds),
    ]

    static let binds: [Keyword<Bind>] = [
        Keyword(
            "tcp-ut", .bind, "<time>", "How long data sent to a client may stay unacknowledged; default: the kernel's limit.",
            bindUserTimeout)
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
        Keyword(name, places, "<number>", meaning) { proxy, line throws(ConfigurationProblem) in
            proxy[keyPath: field] = try line.takeProbes() ?? standard
        }
    }

    /// A keyword that sets `field` to a time; 0 means `standard`.
    private static func seconds(
        _ name: String, _ places: KeywordPlaces, _ meaning: String, _ field: WritableKeyPath<ProxyDraft, Int> & Sendable, _ standard: Int
    ) -> Keyword<ProxyDraft> {
        Keyword(name, places, "<time>", meaning) { proxy, line throws(ConfigurationProblem) in
            proxy[keyPath: field] = try line.takeSeconds() ?? standard
        }
    }

    @Sendable private static func clientKeepAlive(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.frontend.keepAlive.isOn = line.prefix != .no
    }

    @Sendable private static func splice(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        if line.prefix == .no { line.notice(.noEffect("no \(line.keyword)", advice: "streams are always spliced: remove the line")) }
    }

    @Sendable private static func serverKeepAlive(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.keepAlive.isOn = line.prefix != .no
    }

    @Sendable private static func keepAlive(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        clientKeepAlive(&proxy, &line)
        serverKeepAlive(&proxy, &line)
    }

    @Sendable private static func bindUserTimeout(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.userTimeout = try line.takePositiveTime()
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
