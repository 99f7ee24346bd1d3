// How sessions are distributed: algorithms, weights, backups, retries.

import Support

extension DifferentialCase {
    /// Servers with these options, `s1` at port 9001 of HOST and so on.
    static func servers(_ options: [String]) -> String {
        options.enumerated().map { "    server s\($0 + 1) HOST:\(9001 + $0) \($1)\n" }.joined()
    }

    /// A proxy at HOST:80 with further lines and servers.
    static func listen(_ lines: [String], servers options: [String]) -> String {
        "listen CASE\n    bind HOST:80\n" + lines.map { "    \($0)\n" }.joined() + servers(options)
    }

    static let balancing: [DifferentialCase] = [
        DifferentialCase(
            name: "turns-equal", rows: [.roundrobin], sections: listen(["balance roundrobin"], servers: ["", "", ""]), servers: .named(3),
            steps: [.visits(9)]),
        DifferentialCase(
            name: "turns-weighted", rows: [.roundrobin, .weight],
            sections: listen(["balance roundrobin"], servers: ["weight 1", "weight 2", "weight 3"]), servers: .named(3), steps: [.visits(24)]),
        DifferentialCase(
            name: "turns-heavy", rows: [.roundrobin, .weight],
            sections: listen(["balance roundrobin"], servers: ["weight 100", "weight 37", "weight 1", "weight 256"]), servers: .named(4),
            steps: [.visits(60)]),
        DifferentialCase(
            name: "turns-return", rows: [.roundrobin, .check, .connectCheck],
            sections: listen(["balance roundrobin"], servers: ["check weight 3", "check weight 2", "check weight 1"]), servers: .named(3),
            steps: [.visits(7)] + DifferentialStep.takeDown("9002", "s2") + [.visits(8)]
                + DifferentialStep.bringBack("9002", "s2", as: .named("s2")) + [.visits(12, .sameCounts)]),
        DifferentialCase(
            name: "weight-zero", rows: [.weight], sections: listen(["balance roundrobin"], servers: ["weight 0", "weight 5", "weight 5 check"]),
            servers: .named(3),
            steps: [
                .visits(6), .statistics(["status", "weight"]), .command("set server CASE/s1 weight 10"), .visits(12, .sameCounts), .statistics(["weight"]),
            ]),
        DifferentialCase(
            name: "least-equal", rows: [.leastconn], sections: listen(["balance leastconn"], servers: ["", "", ""]), servers: .named(3),
            steps: [.stays(6), .visits(3), .release("held")]),
        DifferentialCase(
            name: "least-weighted", rows: [.leastconn, .weight],
            sections: listen(["balance leastconn"], servers: ["weight 10", "weight 20", "weight 30"]), servers: .named(3),
            steps: [.stays(12, .sameCounts)]),
        DifferentialCase(
            name: "static-turns", rows: [.otherAlgorithms],
            sections: listen(["balance static-rr"], servers: ["weight 3", "weight 1", "weight 2"]), servers: .named(3),
            steps: [.visits(12), .command("set server CASE/s1 weight 9")]),
        DifferentialCase(
            name: "first-place", rows: [.otherAlgorithms],
            sections: listen(["balance first"], servers: ["maxconn 2 id 3", "maxconn 2 id 1", "maxconn 2 id 2"]), servers: .named(3),
            steps: [.stays(5), .statistics(["scur", "sid"]), .release("held")]),
        DifferentialCase(
            name: "source-equal", rows: [.otherAlgorithms], sections: listen(["balance source"], servers: ["", "", ""]), servers: .named(3),
            steps: sources.map { .visits(1, from: $0) }),
        DifferentialCase(
            name: "source-weighted", rows: [.otherAlgorithms, .weight],
            sections: listen(["balance source"], servers: ["weight 3", "weight 1 check", "weight 4"]), servers: .named(3),
            steps: sources.map { .visits(1, from: $0) } + DifferentialStep.takeDown("9002", "s2") + sources.map { .visits(1, from: $0) }),
        DifferentialCase(
            name: "hash-types", rows: [.hashes, .otherAlgorithms],
            sections: hashTypes.enumerated().map { number, type in
                let weighted = servers(["weight 3", "weight 1", "weight 4"])
                return "listen CASE_\(number)\n    bind HOST:\(80 + number)\n    balance source\n    \(type)\n    no log\n\(weighted)"
            }.joined(),
            servers: .named(3), steps: hashTypes.indices.map { .spread(1_000, to: "HOST:\(80 + $0)", from: "127.9.0.1:0", stride: 12_289) }),
        DifferentialCase(
            name: "hash-changes", rows: [.hashes, .weight],
            sections: listen(
                ["balance source", "hash-type consistent"], servers: ["weight 8 id 30", "weight 8 check", "weight 8 id 9"]),
            servers: .named(3),
            steps: [spread, .command("set server CASE/s1 weight 3"), spread, .statistics(["weight", "algo"])]
                + DifferentialStep.takeDown("9002", "s2") + [spread]),
        DifferentialCase(
            name: "random-draws", rows: [.otherAlgorithms], sections: listen(["balance random(2)"], servers: ["", "", ""]), servers: .named(3),
            steps: [.visits(60, .sameMembers)],
            varying: [IntendedDifference(why: "the draws are random", pattern: #"^\S+ \[TIME\].*$"#, replacement: "")]),
        DifferentialCase(
            name: "backup-one", rows: [.backups], sections: listen(["balance roundrobin"], servers: ["check", "backup", "backup check"]), servers: .named(3),
            steps: [.visits(3)] + DifferentialStep.takeDown("9001", "s1") + [.visits(4), .statistics(["status", "weight", "act", "bck"])]
                + DifferentialStep.bringBack("9001", "s1", as: .named("s1")) + [.visits(2)]),
        DifferentialCase(
            name: "backup-all", rows: [.backups],
            sections: listen(["balance roundrobin", "option allbackups"], servers: ["check", "backup", "backup", "backup check"]), servers: .named(4),
            steps: DifferentialStep.takeDown("9001", "s1") + [.visits(6, .sameCounts), .statistics(["status", "weight", "act", "bck"])]),
        DifferentialCase(
            name: "backup-stays", rows: [.backups], sections: listen([], servers: ["check", "backup"]), servers: .named(2),
            steps: DifferentialStep.takeDown("9001", "s1") + [.stays(1)] + DifferentialStep.bringBack("9001", "s1", as: .named("s1"))
                + [.visits(1), .statistics(["scur"]), .release("held")]),
    ]

    private static let hashTypes = ["hash-type map-based", "hash-type map-based sdbm avalanche", "hash-type consistent", "hash-type consistent sdbm"]

    private static let spread = DifferentialStep.spread(100, to: "HOST:80", from: "127.9.0.1:0", stride: 12_289)

    /// Addresses of clients, spread over the bits that a hash uses.
    private static let sources = (0..<40).map { "127.\(9 + $0 % 7).\($0 * 37 % 256).\(1 + $0 * 91 % 250):0" }

    /// tsukada's turns do not change when a session moves, so a dead server gets fewer new sessions.
    private static let deadTurns = IntendedDifference(
        why: "a session that moves to another server does not change the turns of new sessions", pattern: #"/\+?\d+ 0/0$"#, replacement: "/RETRIES 0/0")

    /// Answers a line.
    private static let greeted = ServerConduct.serving([.receive(text("\n")), .send(text("ok\n"))])

    static let retrying: [DifferentialCase] = [
        DifferentialCase(
            name: "redispatch-once", rows: [.retries],
            sections: listen(["balance roundrobin", "retries 2", "option redispatch"], servers: ["", ""]), servers: ["9002": .named("s2")],
            steps: [.visits(4)], varying: [deadTurns]),
        DifferentialCase(
            name: "redispatch-never", rows: [.retries],
            sections: listen(["retries 1", "no option redispatch", "timeout connect 200"], servers: [""]),
            steps: [.visits(1, patience: 3_000)]),
        DifferentialCase(
            name: "redispatch-each", rows: [.retries],
            sections: listen(["balance roundrobin", "retries 3", "option redispatch 1"], servers: ["", "", ""]), servers: ["9003": .named("s3")],
            steps: [.visits(3)], varying: [deadTurns]),
        DifferentialCase(
            name: "redispatch-late", rows: [.retries],
            sections: listen(["balance roundrobin", "retries 2", "option redispatch -1", "timeout connect 200"], servers: ["", ""]),
            servers: ["9002": .named("s2")], steps: [.visits(1)]),
        // The first failed connect takes the server DOWN, so that haproxy chooses another server as well.
        DifferentialCase(
            name: "redispatch-source", rows: [.retries, .otherAlgorithms, .observe],
            sections: listen(
                ["balance source", "retries 3", "option redispatch 1"],
                servers: ["check observe layer4 error-limit 1 on-error mark-down inter 20s downinter 20s", ""]),
            servers: .named(2),
            steps: [.serve("9001", .refusing)] + sources.prefix(8).map { .visits(1, from: $0) } + [.awaitLog("is DOWN"), .statistics(["status"])]),
        DifferentialCase(
            name: "retry-none", rows: [.retries],
            sections: listen(["retries 2", "retry-on none", "timeout connect 200"], servers: [""]),
            steps: [.visits(1, patience: 3_000)]),
        DifferentialCase(
            name: "retry-failure", rows: [.retries],
            sections: listen(["retries 2", "retry-on conn-failure", "timeout connect 200"], servers: [""]),
            steps: [.visits(1, patience: 3_000)]),
        DifferentialCase(
            name: "retry-zero", rows: [.retries], sections: listen(["retries 0"], servers: [""]), steps: [.visits(1, patience: 3_000)]),
        DifferentialCase(
            name: "server-none", rows: [.serverLines], sections: listen([], servers: []), steps: [.visits(1)]),
        DifferentialCase(
            name: "server-ports", rows: [.serverLines],
            sections: "listen CASE\n    bind HOST:9001,HOST:9101\n    server same OTHER\n    server more OTHER:+1000\n    server less OTHER:-1000\n",
            servers: Dictionary(
                uniqueKeysWithValues: [9001, 9101, 10001, 10101, 8001, 8101].map { ("OTHER:\($0)", ServerConduct.named("port \($0)")) }),
            steps: [.visits(3, to: "HOST:9001"), .visits(3, to: "HOST:9101")]),
        DifferentialCase(
            name: "server-destination", rows: [.serverLines],
            sections: """
                listen CASE
                    bind HOST:80,OTHER:80
                    server s1 0.0.0.0:9001
                    server s2 *:9001
                    server s3 :9001

                """,
            servers: ["HOST:9001": .named("host"), "OTHER:9001": .named("other")],
            steps: [.visits(3, to: "HOST:80"), .visits(3, to: "OTHER:80"), .statistics(["addr"])]),
        DifferentialCase(
            name: "server-template", rows: [.serverLines],
            sections: listen(["default-server weight 5 check", "server-template t 1-3 HOST:9001", "server t4 HOST:9002 weight 10"], servers: []),
            servers: .named(2), steps: [.visits(10, .sameCounts), .statistics(["status", "weight", "check_status"])]),
        DifferentialCase(
            name: "server-cancels", rows: [.serverLines, .backups, .sendProxy, .checkAddress],
            sections: listen(
                [
                    "option tcp-check", "tcp-check send PING\\n", "tcp-check expect string ok", "default-server check backup send-proxy check-send-proxy",
                    "server s1 HOST:9001 no-backup no-send-proxy no-check-send-proxy port 9101",
                    "server s2 HOST:9002 no-send-proxy send-proxy-v2 no-send-proxy-v2", "server s3 HOST:9003 no-check-send-proxy port 9103",
                ], servers: []),
            servers: ["9001": greeted, "9101": greeted, "9002": .named("ok s2"), "9003": .named("s3"), "9103": greeted],
            steps: [
                .client([.send(text("hello\n")), .receive(text("ok")), .close]),
                .transcripts("9001"), .transcripts("9101"), .transcripts("9103"),
            ] + DifferentialStep.takeDown("9101", "s1") + [.visits(1), .statistics(["status", "act", "bck"])]),
        DifferentialCase(
            name: "server-default", rows: [.serverLines, .riseFall],
            sections: listen(["default-server check fall 1 rise 3", "server s1 HOST:9001", "default-server fall 4", "server s2 HOST:9002"], servers: []),
            servers: .named(2),
            steps: DifferentialStep.takeDown("9001", "s1") + DifferentialStep.takeDown("9002", "s2")
                + DifferentialStep.bringBack("9001", "s1", as: .named("s1")) + DifferentialStep.bringBack("9002", "s2", as: .named("s2"))),
    ]
}
