import Proxy
import Testing

@testable import NodeAgent

/// A fixture of `errors/`, and what the reader has to say about it.
struct PlantedError: CustomTestStringConvertible, Sendable {
    let fixture: String
    let line: Int
    let what: String
    let advice: String

    init(_ fixture: String, line: Int, _ what: String, _ advice: String) {
        self.fixture = fixture
        self.line = line
        self.what = what
        self.advice = advice
    }

    var testDescription: String { fixture }
}

extension PlantedError {
    /// Every file of `errors/`.
    static let all = common + gossip + database

    /// Those of the sections that proxy, and of the files' form.
    static let common: [PlantedError] = [
        PlantedError(
            "unknown-keyword", line: 34,
            #"unknown keyword 'blance' in section 'backend replicas'"#,
            #"did you mean 'balance'?"#),
        PlantedError(
            "unknown-global-keyword", line: 6,
            #"unknown keyword 'maxcon' in section 'global'"#,
            #"did you mean 'maxconn'?"#),
        PlantedError(
            "unknown-timeout", line: 19,
            #"'timeout' has no 'conect' in section 'defaults'"#,
            #"did you mean 'connect'?"#),
        PlantedError(
            "unknown-option", line: 17,
            #"'option' has no 'dontlognul' in section 'defaults'"#,
            #"did you mean 'dontlognull'?"#),
        PlantedError(
            "unknown-server-option", line: 37,
            #"'server' has no 'wieght' in section 'backend replicas'"#,
            #"did you mean 'weight'?"#),
        PlantedError(
            "unknown-bind-option", line: 30,
            #"'bind' has no 'nme' in section 'frontend shop'"#,
            #"did you mean 'name'?"#),
        PlantedError(
            "unknown-balance", line: 34,
            #"'balance' has no 'leastcon' in section 'backend replicas'"#,
            #"did you mean 'leastconn'?"#),
        PlantedError(
            "unknown-facility", line: 3,
            #"'log' has no 'locl2' in section 'global'"#,
            #"did you mean 'local2'?"#),
        PlantedError(
            "unknown-resolvers-keyword", line: 27,
            #"'hold' has no 'vaild' in section 'resolvers vpc'"#,
            #"did you mean 'valid'?"#),
        PlantedError(
            "misspelled-section", line: 41,
            #"unknown keyword 'listne' in section 'backend replicas'"#,
            #"did you mean 'listen'?"#),
        PlantedError(
            "missing-argument", line: 18,
            #"'retries' lacks an argument in section 'defaults'"#,
            #"write 'retries <number>'"#),
        PlantedError(
            "surplus-argument", line: 9,
            #"'yes' is one word too many for 'daemon' in section 'global'"#,
            #"write 'daemon' alone"#),
        PlantedError(
            "missing-server-address", line: 39,
            #"'server' lacks an argument in section 'backend replicas'"#,
            #"write 'server <name> <address> [<option> ...]'"#),
        PlantedError(
            "missing-option-value", line: 43,
            #"'port' lacks an argument in section 'listen reports'"#,
            #"write 'port <port>'"#),
        PlantedError(
            "bad-time", line: 20,
            #"'timeout client' cannot be '1x' in section 'defaults'"#,
            #"write a time from 1ms to 24d such as 500ms, 10s or 5m (units us, ms, s, m, h, d; ms without one)"#),
        PlantedError(
            "bad-time-range", line: 20,
            #"'timeout client' cannot be '60d' in section 'defaults'"#,
            #"write a time from 1ms to 24d such as 500ms, 10s or 5m (units us, ms, s, m, h, d; ms without one)"#),
        PlantedError(
            "bad-number", line: 23,
            #"'maxconn' cannot be '0x200' in section 'defaults'"#,
            #"write a number from 0 to 10000000"#),
        PlantedError(
            "bad-weight", line: 38,
            #"'weight' cannot be '300' in section 'backend replicas'"#,
            #"write a number from 0 to 256"#),
        PlantedError(
            "bad-port", line: 42,
            #"'bind' cannot be '10.0.0.5:330700' in section 'listen reports'"#,
            #"write a port from 1 to 65535 after the last colon"#),
        PlantedError(
            "missing-port", line: 42,
            #"'bind' cannot be '10.0.0.5' in section 'listen reports'"#,
            #"write an address and a port such as 10.0.0.1:3306, *:3306 or [::]:3306"#),
        PlantedError(
            "bad-address", line: 43,
            #"'server' cannot be '10.0.0.256:3306' in section 'listen reports'"#,
            #"write an address such as 10.0.0.1:3306 or db1.internal:3306"#),
        PlantedError(
            "bad-name", line: 43,
            #"'server' cannot be 'report/01' in section 'listen reports'"#,
            #"write a name of letters, digits and '-', '_', '.', ':', at most 256 of them"#),
        PlantedError(
            "bad-permissions", line: 10,
            #"'mode' cannot be '668' in section 'global'"#,
            #"write octal permissions such as 660"#),
        PlantedError(
            "missing-backend", line: 31,
            #"'default_backend' names a missing backend, 'replica', in section 'frontend shop'"#,
            #"did you mean 'replicas'?"#),
        PlantedError(
            "missing-resolvers", line: 36,
            #"'resolvers' names a missing section 'resolvers', 'vcp', in section 'backend replicas'"#,
            #"did you mean 'vpc'?"#),
        PlantedError(
            "missing-probe-proxy", line: 48,
            #"'require' names a missing backend, 'replica', in section 'probe ready'"#,
            #"did you mean 'replicas'?"#),
        PlantedError(
            "too-many-required", line: 48,
            #"'require' cannot be '4' in section 'probe ready'"#,
            #"write a number from 1 to 3, the servers of 'replicas'"#),
        PlantedError(
            "unknown-when-none", line: 49,
            #"'when-none' has no 'pas' in section 'probe ready'"#,
            #"did you mean 'pass'?"#),
        PlantedError(
            "bad-drain-time", line: 49,
            #"'s' is one word too many for 'drain' in section 'probe ready'"#,
            #"write 'drain <time>'"#),
        PlantedError(
            "bad-hard-stop", line: 10,
            #"'hard-stop-after' cannot be 'never' in section 'global'"#,
            #"write a time from 1ms to 24d such as 500ms, 10s or 5m (units us, ms, s, m, h, d; ms without one)"#),
        PlantedError(
            "duplicate-server", line: 38,
            #"second server 'read01' in section 'backend replicas'"#,
            #"the first stands at haproxy.cfg:37: give this one another name"#),
        PlantedError(
            "duplicate-proxy", line: 41,
            #"second proxy 'shop' in section 'listen shop'"#,
            #"the first stands at haproxy.cfg:29: give this one another name"#),
        PlantedError(
            "misplaced-keyword", line: 11,
            #"misplaced keyword 'timeout client' in section 'global'"#,
            #"move it to a section 'defaults' or 'frontend' or 'listen'"#),
        PlantedError(
            "server-in-defaults", line: 23,
            #"misplaced keyword 'server' in section 'defaults'"#,
            #"move it to a section 'listen' or 'backend'"#),
        PlantedError(
            "http-keyword", line: 32,
            #"HTTP keyword 'option forwardfor' in section 'frontend shop'"#,
            #"TCP has no use for it: in 'mode tcp' HAProxy ignores it too, so remove it there; keep HAProxy for a proxy in 'mode http'"#),
        PlantedError(
            "http-log", line: 43,
            #"HTTP keyword 'option httplog' in section 'listen reports'"#,
            #"TCP has no use for it: write 'option tcplog' in its place"#),
        PlantedError(
            "http-mode", line: 43,
            #"unsupported 'mode http' in section 'listen reports'"#,
            #"tsukada does not support it yet: keep HAProxy for this proxy; a section 'probe' answers a load balancer's check"#),
        PlantedError(
            "tls-bind", line: 30,
            #"TLS keyword 'ssl' in section 'frontend shop'"#,
            #"tsukada speaks no TLS: keep HAProxy for what needs it"#),
        PlantedError(
            "tls-server", line: 43,
            #"TLS keyword 'ssl' in section 'listen reports'"#,
            #"tsukada speaks no TLS: keep HAProxy for what needs it"#),
        PlantedError(
            "proxy-protocol", line: 30,
            #"'accept-proxy' cannot be '10.0.1.0/24,10.0.2.5/24' in section 'frontend shop'"#,
            #"write the load balancer's networks, such as 10.0.1.0/24,10.0.2.0/24, each with its first address"#),
        PlantedError(
            "unsupported-acl", line: 31,
            #"unsupported 'acl' in section 'frontend shop'"#,
            #"tsukada does not support it yet: keep HAProxy for this proxy, since it decides which sessions are served, and how"#),
        PlantedError(
            "conditional-backend", line: 31,
            #"unsupported 'use_backend ... if' in section 'frontend shop'"#,
            #"tsukada does not support it yet: keep HAProxy for this proxy, since the condition decides where sessions go"#),
        PlantedError(
            "unsupported-check", line: 35,
            #"unsupported 'option pgsql-check' in section 'backend replicas'"#,
            #"tsukada does not support it yet: keep HAProxy for this proxy, since without this check a server that cannot serve would get sessions"#),
        PlantedError(
            "unsupported-section", line: 45,
            #"unsupported 'peers' in section 'peers shop'"#,
            #"tsukada does not support it yet: keep HAProxy for what needs it"#),
        PlantedError(
            "removed-keyword", line: 20,
            #"outdated 'clitimeout' in section 'defaults'"#,
            #"HAProxy itself has removed it: write 'timeout client'"#),
        PlantedError(
            "old-listen", line: 41,
            #"outdated 'listen reports 10.0.0.5:3309' in section 'listen reports'"#,
            #"HAProxy itself has removed it: write a line 'bind 10.0.0.5:3309'"#),
        PlantedError(
            "unclosed-quote", line: 30,
            #"unclosed quote " in section 'frontend shop'"#,
            #"close it, or write \" for the character itself"#),
        PlantedError(
            "unclosed-brace", line: 30,
            #"unclosed brace after '${ADDRESS' in section 'frontend shop'"#,
            #"write "${NAME}" or "${NAME-default}""#),
        PlantedError(
            "bad-escape", line: 7,
            #"unknown escape '\x4g' in section 'global'"#,
            #"write \x and two hexadecimal digits, or \\ for a backslash"#),
        PlantedError(
            "bad-condition", line: 6,
            #"unclear condition 'version_atleats(2.4)' in section 'global'"#,
            #"did you mean 'version_atleast(...)'?"#),
        PlantedError(
            "missing-endif", line: 9,
            #"misplaced '.if'"#,
            #"end the block with '.endif'"#),
        PlantedError(
            "stray-else", line: 10,
            #"misplaced '.else' in section 'global'"#,
            #"start the block with '.if'"#),
        PlantedError(
            "no-before-keyword", line: 18,
            #"'no' cannot stand before 'retries' in section 'defaults'"#,
            #"remove the line"#),
        PlantedError(
            "unknown-defaults", line: 41,
            #"'from' names a missing section 'defaults', 'tcp-defaults', in section 'listen reports'"#,
            #"add the section 'defaults', or correct the name"#),
        PlantedError(
            "keyword-before-section", line: 1,
            #"'maxconn' stands before any section"#,
            #"start with a section: global, defaults, listen, frontend, backend, resolvers, probe, gossip or database"#),
        PlantedError(
            "missing-line-feed", line: 48,
            #"no line feed at the end of the file"#,
            #"it may have been cut off: end it with a line feed"#),
    ]
}
