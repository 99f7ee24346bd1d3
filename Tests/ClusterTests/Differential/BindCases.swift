// Options of `bind` and PROXY headers.

import Support

extension DifferentialCase {
    /// A client that sends bytes, and reads what comes back.
    private static func sends(_ bytes: [UInt8], from source: String? = nil, to target: String = "HOST:80") -> DifferentialStep {
        .clients(1, to: target, from: source, [.send(bytes), .finish, .receiveEnd], .sameBytes, patience: 3_000)
    }

    /// A PROXY header of version 2 with a command and family, and what follows.
    private static func binaryHeader(_ command: UInt8, _ family: UInt8, _ rest: [UInt8]) -> [UInt8] {
        text("\r\n\r\n\0\r\nQUIT\n") + [command, family, 0, UInt8(rest.count)] + rest
    }

    /// 10.1.2.3:40000 to 10.0.0.1:3306.
    private static let addresses: [UInt8] = [10, 1, 2, 3, 10, 0, 0, 1, 0x9c, 0x40, 0x0c, 0xea]

    /// An extension of a header: the authority db.example.
    private static let authority: [UInt8] = [2, 0, 10] + text("db.example")

    /// Reads everything and answers at the end.
    private static let reader = ServerConduct.serving([.send(text("s1\n")), .receiveEnd])

    /// Answers a header.
    private static let headed = ServerConduct.serving([.receive([]), .send(text("s\n"))])

    static let binds: [DifferentialCase] = [
        DifferentialCase(
            name: "header-in", rows: [.acceptProxy, .bindLimits],
            sections: "listen CASE\n    bind HOST:80 accept-proxy name web\n    server s1 HOST:9001\n", servers: ["9001": reader],
            steps: [
                sends(text("PROXY TCP4 10.1.2.3 10.0.0.1 40000 3306\r\nhello")), sends(text("PROXY UNKNOWN\r\nhello")), sends(text("hello there, server\r\n")),
                sends(binaryHeader(0x21, 0x11, addresses) + text("hello")), sends(binaryHeader(0x20, 0, []) + text("local")), sends(text("PROXY TCP4 x\r\n")),
                sends([]), .transcripts("9001"),
            ]),
        DifferentialCase(
            name: "header-unnamed", rows: [.acceptProxy], sections: "listen CASE\n    bind HOST:80 accept-proxy\n    server s1 HOST:9001\n",
            servers: ["9001": reader], steps: [sends(text("GET / HTTP/1.0\r\n\r\n"))]),
        DifferentialCase(
            name: "header-out", rows: [.sendProxy],
            sections: """
                listen CASE
                    bind HOST:80 accept-proxy
                    server s1 HOST:9001 send-proxy
                listen CASE_second
                    bind HOST:81 accept-proxy
                    server s1 HOST:9002 send-proxy-v2
                listen CASE_third
                    bind HOST:82 accept-proxy
                    server s1 HOST:9003 send-proxy-v2 proxy-v2-options crc32c
                listen CASE_fourth
                    bind HOST:83
                    server s1 HOST:9004 send-proxy-v2

                """,
            servers: ["9001": reader, "9002": reader, "9003": reader, "9004": reader],
            steps: (80...82).map { sends(text("PROXY TCP4 10.1.2.3 10.0.0.1 40000 3306\r\nhello"), to: "HOST:\($0)") }
                + [sends(text("hello"), from: "127.44.0.1:44001", to: "HOST:83")] + (9001...9004).map { .transcripts("\($0)") }),
        DifferentialCase(
            name: "header-identity", rows: [.sendProxy],
            sections: """
                listen CASE
                    bind HOST:80
                    server s1 HOST:9001 send-proxy-v2 proxy-v2-options unique-id,authority
                listen CASE_second
                    bind HOST:81 accept-proxy
                    server s1 HOST:9002 send-proxy-v2 proxy-v2-options unique-id,authority

                """,
            servers: ["9001": reader, "9002": reader],
            steps: [
                sends(text("hello"), from: "127.44.0.2:44002"), sends(binaryHeader(0x21, 0x11, addresses + authority) + text("hello"), to: "HOST:81"),
                .transcripts("9001"), .transcripts("9002"),
            ]),
        DifferentialCase(
            name: "header-check", rows: [.checkAddress, .sendProxy],
            sections: listen(
                ["option tcp-check", "tcp-check expect string s"],
                servers: [
                    "check send-proxy", "check check-send-proxy", "check send-proxy port 9003", "check send-proxy-v2 check-send-proxy addr HOST port 9004",
                ]),
            servers: ["9001": headed, "9002": headed, "9003": reader, "9004": headed],
            steps: (9001...9004).map { .transcripts("\($0)") }),
        DifferentialCase(
            name: "bind-limit", rows: [.bindLimits], sections: "listen CASE\n    bind HOST:80 maxconn 1 id 77 nice 5 backlog 8\n    server s1 HOST:9001\n",
            servers: .named(1),
            steps: [
                .stays(1), .hold(1, to: "HOST:80", as: "second", [.receive(text("\n"))], .sameOrder, patience: 400), .release("held"),
                .release("second", DifferentialStep.visit),
            ]),
        DifferentialCase(
            name: "bind-socket", rows: [.bindSockets],
            sections: "listen CASE\n    bind HOST:80 interface lo mss 900 tcp-ut 5s tfo\n    bind HOST:81 transparent\n    server s1 HOST:9001\n",
            servers: .named(1),
            steps: [
                .visits(1), .visits(1, to: "HOST:81"), .stays(1), .shell("ss -Htni state established 'dport = :80 and dst HOST' | grep -o 'mss:[0-9]*'"),
                .release("held"),
            ]),
        DifferentialCase(
            name: "bind-statistics", rows: [.bindLimits],
            sections: "listen CASE\n    bind HOST:80 name web id 12\n    bind HOST:81\n    option socket-stats\n    server s1 HOST:9001\n",
            servers: .named(1), steps: [.visits(2), .visits(1, to: "HOST:81"), .statistics(["type", "sid", "status", "stot", "bin", "bout"])]),
        DifferentialCase(
            name: "bind-families", rows: [.bindSockets],
            sections: "listen CASE\n    bind :::8401 v4v6\n    bind :::8402 v6only\n    bind :::8403\n    server s1 HOST:9001\n", servers: .named(1),
            steps: ["HOST:8401", "[::1]:8401", "HOST:8402", "[::1]:8402", "HOST:8403", "[::1]:8403"].map { .visits(1, to: $0) }),
        DifferentialCase(
            name: "bind-path", rows: [.bindPaths],
            sections: """
                listen CASE
                    bind /run/CASE.1 user daemon group mail mode 620
                    bind unix@/run/CASE.2 uid 1 gid 2 mode 600 name path
                    bind abns@CASE.3
                    server s1 HOST:9001

                """,
            servers: .named(1),
            steps: [
                .shell("stat -c '%n %a %U %G' /run/CASE.1 /run/CASE.2"), .visits(2, to: "/run/CASE.1"), .visits(1, to: "/run/CASE.2"),
                .visits(1, to: "@CASE.3"),
            ]),
        DifferentialCase(
            name: "server-path", rows: [.serverLines, .connectCheck],
            sections: "listen CASE\n    bind HOST:80\n    server s1 /run/CASE.9001 check\n    server s2 abns@CASE.9002 check\n",
            servers: ["/run/CASE.9001": .named("path"), "@CASE.9002": .named("abstract")],
            steps: [.visits(4)] + DifferentialStep.takeDown("@CASE.9002", "s2") + [.visits(2)],
            differences: [
                IntendedDifference(
                    why: "a refused connect has the same reason at a UNIX socket as over TCP",
                    pattern: #"reason: Socket error, info: "General socket error \(Connection refused\)""#,
                    replacement: #"reason: Layer4 connection problem, info: "ECONNREFUSED returned by OS (Connection refused)""#)
            ]),
    ]
}
