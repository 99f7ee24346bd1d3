// Agents, tracking, observed connects, names and services.

import Support

extension DifferentialCase {
    /// An agent's answers one after the other, each until a log line or a column shows it.
    private static func says(_ words: String) -> DifferentialStep { .serve("9101", .serving([.send(text("\(words)\n")), .close])) }

    private static func agent(_ name: String, options: String = "", _ steps: [DifferentialStep]) -> DifferentialCase {
        DifferentialCase(
            name: name, rows: [.agent], sections: listen([], servers: ["weight 100 agent-check agent-port 9101 agent-inter 200 \(options)", ""]),
            servers: ["9001": .named("s1"), "9002": .named("s2"), "9101": .serving([.send(text("up 100%\n")), .close])], steps: steps)
    }

    private static func leavingDrain(_ server: String, via other: String) -> IntendedDifference {
        IntendedDifference(
            why: "3.5 distinguishes the end of an inherited drain, and names its origin",
            pattern: "(Server \(server) is UP) \\(leaving forced drain\\)\\.$", replacement: "$1 (leaving drain) via \(other).")
    }

    private static let agentColumns = ["status", "weight", "agent_status", "agent_code", "agent_desc", "agent_health"]

    static let states: [DifferentialCase] = [
        agent(
            "agent-weights",
            [
                says("50%"), .awaitStatistic("weight", of: "s1", is: "50"), .statistics(agentColumns), .visits(9, .sameCounts), says("0%"),
                .awaitStatistic("weight", of: "s1", is: "0"), .visits(2), says("ready 100% up"), .awaitStatistic("weight", of: "s1", is: "100"),
                says("maxconn:7"), .awaitStatistic("slim", of: "s1", is: "7"),
            ]),
        agent(
            "agent-down",
            [
                says("down # lag 300s"), .awaitLog("is DOWN"), .statistics(agentColumns), .visits(2), says("ready"), .transcripts("9101"), .transcripts("9101"),
                .visits(1), says("up"), .awaitLog("is UP"), .visits(2), says("stopped # on purpose"), .awaitLog("is DOWN"), says("up"),
                .awaitLog("is UP"), says("fail"), .awaitLog("is DOWN"), says("up,75%"), .awaitLog("is UP"),
                .awaitStatistic("weight", of: "s1", is: "75"),
            ]),
        agent(
            "agent-drain",
            [
                says("drain"), .awaitLog("enters drain state"), .statistics(agentColumns), .visits(2), says("up"),
                .awaitLog("Agent check for server CASE/s1 succeeded"), .visits(1), says("ready"), .awaitLog("leaving forced drain"), says("maint"),
                .awaitLog("for maintenance"), .statistics(agentColumns), says("ready up"),
                .awaitLog("leaving forced maintenance"), .statistics(["status"]),
            ]),
        DifferentialCase(
            name: "agent-gone", rows: [.agent], sections: listen([], servers: ["agent-check agent-port 9101 agent-inter 200", ""]),
            servers: .named(2),
            steps: [
                .awaitStatistic("agent_status", of: "s1", is: "L4CON"), .statistics(["status"]), .visits(2),
                .serve("9101", .serving([.send(text("nonsense words\n")), .close])), .awaitStatistic("agent_status", of: "s1", is: "CHECKED"),
                .statistics(["status"]), .visits(2),
            ]),
        DifferentialCase(
            name: "agent-question", rows: [.agent],
            sections: listen([], servers: ["check agent-check agent-addr OTHER agent-port 9101 agent-inter 200 agent-send \"who\\n\""]),
            servers: ["9001": .named("s1"), "OTHER:9101": .serving([.receive(text("\n")), .send(text("up\n")), .close])],
            steps: [.transcripts("OTHER:9101"), .statistics(agentColumns)]),
        DifferentialCase(
            name: "followers", rows: [.track],
            sections: """
                listen CASE
                    bind HOST:80
                    server s1 HOST:9001 check
                    server s2 HOST:9002 check
                listen CASE_second
                    bind HOST:81
                    server t1 HOST:9101 track CASE/s1
                    server t2 HOST:9102 track CASE_second/t1
                    server t3 HOST:9103 backup

                """,
            servers: [
                "9001": .named("s1"), "9002": .named("s2"), "9101": .named("t1"), "9102": .named("t2"), "9103": .named("t3"),
            ],
            steps: DifferentialStep.takeDown("9001", "s1") + [
                .awaitLog("Server CASE_second/t2 is DOWN"), .visits(2, to: "HOST:81"), .statistics(["status", "tracked", "check_status"]),
            ] + DifferentialStep.bringBack("9001", "s1", as: .named("s1")) + [
                .awaitLog("Server CASE_second/t2 is UP"), .visits(2, to: "HOST:81", .sameCounts), .command("set server CASE/s1 state maint"),
                .awaitLog("Server CASE_second/t2 is going DOWN"), .statistics(["status"]), .command("set server CASE/s1 state ready"),
                .awaitLog("Server CASE_second/t2 is UP"), .awaitLog("status: 2/2 UP"), .command("set server CASE/s1 state drain"),
                .awaitLog("Server CASE_second/t2 enters drain"), .statistics(["status"]), .command("set server CASE/s1 state ready"),
                .awaitStatistic("status", of: "s1", is: "UP"),
            ],
            differences: [
                leavingDrain("followers_second/t1", via: "followers/s1"), leavingDrain("followers_second/t2", via: "followers_second/t1"),
            ]),
        DifferentialCase(
            name: "observed", rows: [.observe],
            sections: listen(
                ["balance roundrobin", "retries 0"],
                servers: ["check port 9101 observe layer4 error-limit 3 on-error mark-down inter 20s downinter 300 rise 1", ""]),
            servers: ["9101": .named("c1"), "9002": .named("s2")],
            steps: [.visits(6, .sameCounts), .awaitLog("is DOWN"), .awaitLog("is UP"), .statistics(["hanafail"])]),
        DifferentialCase(
            name: "observed-quickly", rows: [.observe],
            sections: listen(["retries 0"], servers: ["check port 9101 observe layer4 error-limit 1 on-error fastinter inter 20s fastinter 200"]),
            servers: ["9101": .named("c1")],
            steps: [.serve("9101", .refusing), .visits(1), .awaitLog("is DOWN"), .statistics(["status", "check_status", "hanafail", "chkfail", "chkdown"])]),
        DifferentialCase(
            name: "slow-start", rows: [.slowStart],
            sections: listen(["balance roundrobin"], servers: ["weight 100 check slowstart 600 rise 1 fall 1"]), servers: .named(1),
            steps: DifferentialStep.takeDown("9001", "s1") + DifferentialStep.bringBack("9001", "s1", as: .named("s1")) + [
                .awaitStatistic("weight", of: "s1", is: "100"), .statistics(["weight", "throttle"]),
            ],
            repeated: "Server CASE/s1 is UP"),
        DifferentialCase(
            name: "name-known", rows: [.serverNames, .nameservers, .resolvePace, .initialAddress, .hold],
            sections: """
                resolvers CASE_dns
                    nameserver lab 172.20.0.2:53
                    parse-resolv-conf
                    accepted_payload_size 4096
                    resolve_retries 2
                    timeout resolve 300
                    timeout retry 300
                    hold valid 300
                    hold nx 300
                    hold refused 300
                    hold obsolete 300
                listen CASE
                    bind HOST:80
                    default-server resolvers CASE_dns resolve-prefer ipv4 resolve-opts allow-dup-ip
                    server s1 known.diff:9001 check init-addr libc,none
                    server s2 later.diff:9002 init-addr libc,none
                    server s3 nets.diff:9003 resolve-net 127.200.0.0/16 init-addr none

                """,
            servers: [
                "127.0.0.211:9001": .named("first"), "127.0.0.212:9001": .named("second"), "127.0.0.213:9002": .named("later"),
                "127.200.0.9:9003": .named("net"), "127.201.0.9:9003": .named("other net"),
            ],
            steps: [
                .names(["known.diff": ["127.0.0.211"], "nets.diff": ["127.201.0.9", "127.200.0.9"]]), .awaitStatistic("status", of: "s3", is: "no check"),
                .statistics(["status"]), .visits(2, .sameCounts),
                .names(["known.diff": ["127.0.0.212"]]), .awaitLog("127.0.0.212"), .visits(2, .sameCounts), .names(["later.diff": ["127.0.0.213"]]),
                .awaitLog("127.0.0.213"), .visits(3, .sameCounts), .names(["later.diff": []]), .awaitLog("Server CASE/s2 is going DOWN"),
                .statistics(["status"]),
            ]),
        DifferentialCase(
            name: "name-stream", rows: [.nameservers],
            sections: """
                resolvers CASE_dns
                    nameserver tcp tcp@172.20.0.2:53
                    timeout resolve 300
                listen CASE
                    bind HOST:80
                    server s1 stream.diff:9001 resolvers CASE_dns resolve-prefer ipv4 init-addr none

                """,
            servers: ["127.0.0.215:9001": .named("stream")],
            steps: [.names(["stream.diff": ["127.0.0.215"]]), .awaitStatistic("status", of: "s1", is: "no check"), .visits(1)]),
        DifferentialCase(
            name: "name-implicit", rows: [.nameservers],
            sections: listen([], servers: []) + "    server s1 implicit.diff:9001 resolvers default resolve-prefer ipv4 init-addr none\n",
            servers: ["127.0.0.216:9001": .named("implicit")],
            steps: [.names(["implicit.diff": ["127.0.0.216"]]), .awaitStatistic("status", of: "s1", is: "no check"), .visits(1)]),
        DifferentialCase(
            name: "name-services", rows: [.serviceRecords],
            sections: """
                resolvers CASE_dns
                    nameserver lab 172.20.0.4:53
                    timeout resolve 300
                    hold valid 300
                    hold obsolete 300
                listen CASE
                    bind HOST:80
                    server-template t 1-3 _db._tcp.diff resolvers CASE_dns resolve-prefer ipv4 init-addr none check

                """,
            servers: ["127.0.0.231:9001": .named("one"), "127.0.0.232:9002": .named("two"), "127.0.0.233:9003": .named("three")],
            steps: [
                .services([231: 9001, 232: 9002]), .awaitLog("127.0.0.231"), .awaitLog("127.0.0.232"), .awaitLog("status: 2/2 UP", times: 2),
                .visits(4, .sameCounts), .services([232: 9002, 233: 9003]), .awaitLog("127.0.0.233"), .awaitLog("is going DOWN"),
                .awaitLog("status: 2/2 UP"), .visits(4, .sameCounts),
            ],
            varying: [
                IntendedDifference(
                    why: "names of hosts, weights and priorities of a service: docs/CONFIGURATION.md has the rules",
                    pattern: #"^.*(IP changed|changed its IP|FQDN|resolves again|administratively READY|weight changed|for maintenance|1/2 DOWN|\[TIME\]).*$"#,
                    replacement: "")
            ]),
        DifferentialCase(
            name: "name-template", rows: [.serverNames, .hold],
            sections: """
                resolvers CASE_dns
                    nameserver lab 172.20.0.2:53
                    timeout resolve 300
                    hold valid 300
                    hold obsolete 300
                listen CASE
                    bind HOST:80
                    server-template t 1-3 pool.diff:9001 resolvers CASE_dns resolve-prefer ipv4 init-addr none

                """,
            servers: ["127.0.0.221:9001": .named("one"), "127.0.0.222:9001": .named("two")],
            steps: [
                .names(["pool.diff": ["127.0.0.221"]]), .awaitLog("127.0.0.221"), .visits(2), .names(["pool.diff": ["127.0.0.221", "127.0.0.222"]]),
                .awaitLog("127.0.0.222"), .visits(4, .sameCounts), .names(["pool.diff": ["127.0.0.222"]]), .awaitLog("is going DOWN"), .visits(2),
            ]),
    ]
}
