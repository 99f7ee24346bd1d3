import Proxy

/// The times of TCP keepalive. As in HAProxy, a time is in seconds, rounded up to whole ones, and 0 has no effect.
enum KeepAliveKeywords {
    static let proxies: [Keyword] = [
        Keyword(
            "clitcpka-cnt", .clientSide, "<number>", "Unanswered keepalive probes that end a client's connection; 3 without it.",
            .proxy { proxy, line throws(ConfigurationProblem) in
                proxy.frontend.keepAlive.probes = try line.needProbes() ?? KeepAlive.clients.probes
            }),
        Keyword(
            "clitcpka-idle", .clientSide, "<time>", "How long a client is silent before keepalive probes it, in seconds; 120s without it.",
            .proxy { proxy, line throws(ConfigurationProblem) in
                proxy.frontend.keepAlive.idleSeconds = try line.needSeconds() ?? KeepAlive.clients.idleSeconds
            }),
        Keyword(
            "clitcpka-intvl", .clientSide, "<time>", "The time between a client's keepalive probes, in seconds; 30s without it.",
            .proxy { proxy, line throws(ConfigurationProblem) in
                proxy.frontend.keepAlive.intervalSeconds = try line.needSeconds() ?? KeepAlive.clients.intervalSeconds
            }),
        Keyword(
            "srvtcpka-cnt", .serverSide, "<number>", "Unanswered keepalive probes that end a server's connection; 3 without it.",
            .proxy { proxy, line throws(ConfigurationProblem) in
                proxy.backend.keepAlive.probes = try line.needProbes() ?? KeepAlive.servers.probes
            }),
        Keyword(
            "srvtcpka-idle", .serverSide, "<time>", "How long a server is silent before keepalive probes it, in seconds; 10s without it.",
            .proxy { proxy, line throws(ConfigurationProblem) in
                proxy.backend.keepAlive.idleSeconds = try line.needSeconds() ?? KeepAlive.servers.idleSeconds
            }),
        Keyword(
            "srvtcpka-intvl", .serverSide, "<time>", "The time between a server's keepalive probes, in seconds; 3s without it.",
            .proxy { proxy, line throws(ConfigurationProblem) in
                proxy.backend.keepAlive.intervalSeconds = try line.needSeconds() ?? KeepAlive.servers.intervalSeconds
            }),
    ]
}

extension ConfigurationLine {
    /// Takes a time in seconds, rounded up to whole ones; `nil` for 0.
    fileprivate mutating func needSeconds() throws(ConfigurationProblem) -> Int? {
        let word = try need()
        let seconds = ConfigurationValue.time(word, standard: "s").map { ($0.wholeMilliseconds + 999) / 1_000 }
        guard let seconds, seconds <= KeepAlive.secondsMax else {
            throw .badValue(
                word, of: keyword, expected: "a time from 1s to \(KeepAlive.secondsMax)s such as 90s or 2m (units us, ms, s, m, h, d; s without one)")
        }
        return seconds == 0 ? nil : Int(seconds)
    }

    /// Takes a number of probes; `nil` for 0.
    fileprivate mutating func needProbes() throws(ConfigurationProblem) -> Int? {
        let number = try needNumber(in: 0...KeepAlive.probesMax)
        return number == 0 ? nil : number
    }
}
