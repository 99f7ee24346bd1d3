import Proxy
import Testing

@testable import NodeAgent

/// A fixture in `errors/`, and the reader's message about it.
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

    /// Errors in proxy sections, and in the form of a file.
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
            #"unknown word 'conect' after 'timeout' in section 'defaults'"#,
            #"did you mean 'connect'?"#),
        PlantedError(
            "unknown-option", line: 17,
            #"unknown word 'dontlognul' after 'option' in section 'defaults'"#,
            #"did you mean 'dontlognull'?"#),
        PlantedError(
            "unknown-server-option", line: 37,
            #"unknown word 'wieght' after 'server' in section 'backend replicas'"#,
            #"did you mean 'weight'?"#),
        PlantedError(
            "unknown-bind-option", line: 30,
            #"unknown word 'nme' after 'bind' in section 'frontend shop'"#,
            #"did you mean 'name'?"#),
        PlantedError(
            "unknown-balance", line: 34,
            #"unknown word 'leastcon' after 'balance' in section 'backend replicas'"#,
            #"did you mean 'leastconn'?"#),
        PlantedError(
            "unknown-facility", line: 3,
            #"unknown word 'locl2' after 'log' in section 'global'"#,
            #"did you mean 'local2'?"#),
        PlantedError(
            "unknown-resolvers-keyword", line: 27,
            #"unknown word 'vaild' after 'hold' in section 'resolvers vpc'"#,
            #"did you mean 'valid'?"#),
        PlantedError(
            "misspelled-section", line: 41,
            #"unknown keyword 'listne' in section 'backend replicas'"#,
            #"did you mean 'listen'?"#),
        PlantedError(
            "missing-argument", line: 18,
            #"missing argument after 'retries' in section 'defaults'"#,
            #"write 'retries <number>'"#),
        PlantedError(
            "surplus-argument", line: 9,
            #"unexpected 'yes' after 'daemon' in section 'global'"#,
            #"write 'daemon' alone"#),
        PlantedError(
            "missing-server-address", line: 39,
            #"missing argument after 'server' in section 'backend replicas'"#,
            #"write 'server <name> <address> [<option> ...]'"#),
        PlantedError(
            "missing-option-value", line: 43,
            #"missing argument after 'port' in section 'listen reports'"#,
            #"write 'port <port>'"#),
        PlantedError(
            "bad-time", line: 20,
            #"invalid value '1x' for 'timeout client' in section 'defaults'"#,
            #"write a time from 1ms to 24d such as 500ms, 10s or 5m (units us, ms, s, m, h, d; ms without one)"#),
        PlantedError(
            "bad-time-range", line: 20,
            #"invalid value '60d' for 'timeout client' in section 'defaults'"#,
            #"write a time from 1ms to 24d such as 500ms, 10s or 5m (units us, ms, s, m, h, d; ms without one)"#),
        PlantedError(
            "bad-number", line: 23,
            #"invalid value '0x200' for 'maxconn' in section 'defaults'"#,
            #"write a number from 0 to 10000000"#),
        PlantedError(
            "bad-weight", line: 38,
            #"invalid value '300' for 'weight' in section 'backend replicas'"#,
            #"write a number from 0 to 256"#),
        PlantedError(
            "bad-port", line: 42,
            #"invalid value '10.0.0.5:330700' for 'bind' in section 'listen reports'"#,
            #"write a port from 1 to 65535 after the last colon"#),
        PlantedError(
            "missing-port", line: 42,
            #"invalid value '10.0.0.5' for 'bind' in section 'listen reports'"#,
            #"write an address and a port such as 10.0.0.1:3306, *:3306 or [::]:3306"#),
        PlantedError(
            "bad-address", line: 43,
            #"invalid value '10.0.0.256:3306' for 'server' in section 'listen reports'"#,
            #"write an address such as 10.0.0.1:3306 or db1.internal:3306"#),
        PlantedError(
            "bad-name", line: 43,
            #"invalid value 'report/01' for 'server' in section 'listen reports'"#,
            #"write a name of at most 256 letters, digits and '-', '_', '.', ':'"#),
        PlantedError(
            "bad-permissions", line: 10,
            #"invalid value '668' for 'mode' in section 'global'"#,
            #"write octal permissions such as 660"#),
        PlantedError(
            "missing-backend", line: 31,
            #"unknown backend 'replica' after 'default_backend' in section 'frontend shop'"#,
            #"did you mean 'replicas'?"#),
        PlantedError(
            "missing-resolvers", line: 36,
            #"unknown 'resolvers' section 'vcp' after 'resolvers' in section 'backend replicas'"#,
            #"did you mean 'vpc'?"#),
        PlantedError(
            "missing-probe-proxy", line: 48,
            #"unknown backend 'replica' after 'require' in section 'probe ready'"#,
            #"did you mean 'replicas'?"#),
        PlantedError(
            "too-many-required", line: 48,
            #"invalid value '4' for 'require' in section 'probe ready'"#,
            #"write a number from 1 to 3, the servers of 'replicas'"#),
        PlantedError(
            "unknown-when-none", line: 49,
            #"unknown word 'pas' after 'when-none' in section 'probe ready'"#,
            #"did you mean 'pass'?"#),
        PlantedError(
            "bad-drain-time", line: 49,
            #"unexpected 's' after 'drain' in section 'probe ready'"#,
            #"write 'drain <time>'"#),
        PlantedError(
            "bad-hard-stop", line: 10,
            #"invalid value 'never' for 'hard-stop-after' in section 'global'"#,
            #"write a time from 1ms to 24d such as 500ms, 10s or 5m (units us, ms, s, m, h, d; ms without one)"#),
        PlantedError(
            "duplicate-server", line: 38,
            #"duplicate server 'read01' in section 'backend replicas'"#,
            #"the first is at haproxy.cfg:37: give this one another name"#),
        PlantedError(
            "duplicate-proxy", line: 41,
            #"duplicate proxy 'shop' in section 'listen shop'"#,
            #"the first is at haproxy.cfg:29: give this one another name"#),
        PlantedError(
            "misplaced-keyword", line: 11,
            #"misplaced keyword 'timeout client' in section 'global'"#,
            #"move it to a section 'defaults', 'frontend' or 'listen'"#),
        PlantedError(
            "server-in-defaults", line: 23,
            #"misplaced keyword 'server' in section 'defaults'"#,
            #"move it to a section 'listen' or 'backend'"#),
        PlantedError(
            "http-mode", line: 43,
            #"unsupported 'mode http' in section 'listen reports'"#,
            #"keep HAProxy for this proxy; a section 'probe' answers a load balancer's check"#),
        PlantedError(
            "tls-bind", line: 30,
            #"TLS keyword 'ssl' in section 'frontend shop'"#,
            #"tsukada does not support TLS: keep HAProxy for the proxies that need it"#),
        PlantedError(
            "tls-server", line: 43,
            #"TLS keyword 'ssl' in section 'listen reports'"#,
            #"tsukada does not support TLS: keep HAProxy for the proxies that need it"#),
        PlantedError(
            "proxy-protocol", line: 30,
            #"invalid value '10.0.1.0/24,10.0.2.5/24' for 'accept-proxy' in section 'frontend shop'"#,
            #"write the load balancer's networks, each by its first address, such as 10.0.1.0/24,10.0.2.0/24"#),
        PlantedError(
            "unsupported-acl", line: 31,
            #"unsupported 'acl' in section 'frontend shop'"#,
            #"keep HAProxy for this proxy, since the keyword decides which sessions are served, and how"#),
        PlantedError(
            "conditional-backend", line: 31,
            #"unsupported 'use_backend ... if' in section 'frontend shop'"#,
            #"keep HAProxy for this proxy, since the condition decides where sessions go"#),
        PlantedError(
            "unsupported-check", line: 35,
            #"unsupported 'option spop-check' in section 'backend replicas'"#,
            #"keep HAProxy for this proxy, since without this check a server that cannot serve gets sessions"#),
        PlantedError(
            "unsupported-section", line: 45,
            #"unsupported 'peers' in section 'peers shop'"#,
            #"keep HAProxy for the proxies whose stick tables it shares, since a table decides which server a session gets"#),
        PlantedError(
            "removed-keyword", line: 20,
            #"outdated 'clitimeout' in section 'defaults'"#,
            #"HAProxy has removed it: write 'timeout client'"#),
        PlantedError(
            "old-listen", line: 41,
            #"outdated 'listen reports 10.0.0.5:3309' in section 'listen reports'"#,
            #"HAProxy has removed it: write a line 'bind 10.0.0.5:3309'"#),
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
            #"invalid condition 'version_atleats(2.4)' in section 'global'"#,
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
            #"'no' is not allowed before 'retries' in section 'defaults'"#,
            #"remove the line"#),
        PlantedError(
            "unknown-defaults", line: 41,
            #"unknown 'defaults' section 'tcp-defaults' after 'from' in section 'listen reports'"#,
            #"add the 'defaults' section above this section, or correct the name"#),
        PlantedError(
            "keyword-before-section", line: 1,
            #"'maxconn' before the first section"#,
            #"start with a section: global, defaults, listen, frontend, backend, resolvers, probe, userlist, gossip or database"#),
        PlantedError(
            "missing-line-feed", line: 48,
            #"missing line feed at the end of the file"#,
            #"the file may be cut off: end its last line with a line feed"#),
    ]
}
