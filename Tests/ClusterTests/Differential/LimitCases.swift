// Limits and queues, sources of connections, options of logs, what happens to sessions when servers change.

import Support

extension DifferentialCase {
    static let limits: [DifferentialCase] = [
        DifferentialCase(
            name: "queue-served", rows: [.limits], sections: listen([], servers: ["maxconn 1"]), servers: .named(1),
            steps: [
                .stays(1), .waits(1, as: "second"), .awaitStatistic("qcur", of: "BACKEND", is: "1"), .waits(1, as: "third"),
                .awaitStatistic("qcur", of: "BACKEND", is: "2"), .release("held"), .release("second", DifferentialStep.visit),
                .release("third", DifferentialStep.visit),
            ]),
        DifferentialCase(
            name: "queue-timeout", rows: [.limits], sections: listen(["timeout queue 300"], servers: ["maxconn 1"]), servers: .named(1),
            steps: [.stays(1), .visits(1), .release("held")]),
        DifferentialCase(
            name: "queue-left", rows: [.limits], sections: listen(["option abortonclose"], servers: ["maxconn 1"]), servers: .named(1),
            steps: [
                .stays(1), .waits(1, as: "second"), .awaitStatistic("qcur", of: "BACKEND", is: "1"), .abandon("second"),
                .awaitStatistic("qcur", of: "BACKEND", is: "0"), .release("held"),
            ]),
        DifferentialCase(
            name: "queue-full", rows: [.limits],
            sections: listen(["balance roundrobin"], servers: ["maxconn 1 maxqueue 1", "maxconn 1 maxqueue 1"]),
            servers: .named(2),
            steps: [
                .stays(2), .waits(3, as: "queued"), .awaitStatistic("qcur", of: "BACKEND", is: "3"), .statistics(["qcur"]), .release("held"),
                .release("queued", DifferentialStep.visit),
            ]),
        DifferentialCase(
            name: "queue-refused", rows: [.limits, .otherAlgorithms], sections: listen(["balance source"], servers: ["maxconn 1 maxqueue 1"]),
            servers: .named(1),
            steps: [
                .stays(1), .waits(1, as: "second"), .awaitStatistic("qcur", of: "s1", is: "1"), .visits(1), .release("held"),
                .release("second", DifferentialStep.visit),
            ]),
        DifferentialCase(
            name: "limit-dynamic", rows: [.limits], sections: listen(["fullconn 8"], servers: ["minconn 1 maxconn 4"]), servers: .named(1),
            steps: [
                .stays(1), .waits(1, as: "second"), .awaitStatistic("qcur", of: "BACKEND", is: "1"), .release("held"),
                .release("second", DifferentialStep.visit), .visits(2),
            ]),
        DifferentialCase(
            name: "limit-automatic", rows: [.limits],
            sections: """
                frontend CASE
                    bind HOST:80
                    maxconn 33
                    default_backend CASE_b
                backend CASE_b
                    server s1 HOST:9001 minconn 1 maxconn 10

                """,
            servers: .named(1),
            steps: [
                .waits(12, as: "all"), .awaitStatistic("scur", of: "FRONTEND", is: "12"), .statistics(["scur", "qcur", "slim"]),
                .release("all", DifferentialStep.visit),
            ]),
        DifferentialCase(
            name: "frontend-full", rows: [.bindLimits, .limits], sections: listen(["maxconn 2"], servers: [""]), servers: .named(1),
            steps: [
                .stays(2), .waits(1, as: "third"), .statistics(["scur", "slim"]), .release("held"),
                .release("third", DifferentialStep.visit),
            ]),
        DifferentialCase(
            name: "from-proxy", rows: [.source], sections: listen(["source 127.8.8.8"], servers: ["", "source 127.8.8.9", "source 0.0.0.0"]),
            servers: peers(3), steps: [.visits(6)]),
        DifferentialCase(
            name: "from-range", rows: [.source], sections: listen([], servers: ["source 127.8.8.7:21000-21003"]), servers: peers(1),
            steps: [.visits(3)]),
        DifferentialCase(
            name: "from-client", rows: [.source], sections: listen(["source 0.0.0.0 usesrc clientip"], servers: [""]), servers: peers(1),
            steps: [.visits(1, from: "127.33.0.1:0"), .visits(1, from: "127.33.0.2:0")]),
        DifferentialCase(
            name: "from-check", rows: [.source, .check], sections: listen(["source 127.8.8.6"], servers: ["check inter 100"]), servers: peers(1),
            steps: [.visits(2), .statistics(["status", "check_status"])]),
        DifferentialCase(
            name: "keep-alive", rows: [.connections],
            sections: listen(
                [
                    "option clitcpka", "option srvtcpka", "clitcpka-idle 30s", "clitcpka-intvl 10s", "clitcpka-cnt 3", "srvtcpka-idle 40s",
                    "srvtcpka-intvl 5s", "srvtcpka-cnt 4", "option tcp-smart-accept", "option tcp-smart-connect", "option contstats",
                ], servers: [""]),
            servers: .named(1),
            steps: [
                .stays(1), .shell(keepAlives("2[0-9]|30")), .shell(keepAlives("3[1-9]|40")),
                .release("held"),
            ]),
        DifferentialCase(
            name: "linger-none", rows: [.connections], sections: listen(["option nolinger"], servers: [""]),
            servers: ["9001": .serving([.send(text("s1\n")), .receiveEnd])],
            steps: [.client([.receive(text("\n")), .close]), .transcripts("9001")]),
        DifferentialCase(
            name: "log-early", rows: [.logOptions], sections: listen(["option logasap"], servers: [""]), servers: .named(1), steps: [.visits(2)]),
        DifferentialCase(
            name: "log-errors", rows: [.logOptions],
            sections: listen(["option log-separate-errors", "option dontlog-normal", "retries 0"], servers: ["", ""]),
            servers: .named(1), steps: [.visits(4)]),
        DifferentialCase(
            name: "log-plain", rows: [.logOptions],
            sections: "listen CASE from plain\n    bind HOST:80\n" + servers([""]), servers: .named(1), steps: [.visits(2)]),
        DifferentialCase(
            name: "down-sessions", rows: [.markedDown],
            sections: listen([], servers: ["check on-marked-down shutdown-sessions"]), servers: .named(1),
            steps: [.stays(2)] + DifferentialStep.takeDown("9001", "s1") + [.release("held", [.receiveEnd])]),
        DifferentialCase(
            name: "down-keeps", rows: [.markedDown], sections: listen([], servers: ["check"]), servers: .named(1),
            steps: [.stays(1)] + DifferentialStep.takeDown("9001", "s1") + [.release("held"), .visits(1)]),
        DifferentialCase(
            name: "up-sessions", rows: [.markedUp], sections: listen([], servers: ["check on-marked-up shutdown-backup-sessions", "backup"]),
            servers: .named(2),
            steps: DifferentialStep.takeDown("9001", "s1") + [.stays(1)] + DifferentialStep.bringBack("9001", "s1", as: .named("s1"))
                + [.release("held", [.receiveEnd]), .visits(1)]),
        DifferentialCase(
            name: "crash-sessions", rows: [.resultCodes], sections: listen([], servers: ["check"]), servers: .named(1),
            steps: [.stays(1)] + DifferentialStep.takeDown("9001", "s1", as: .crashed) + [.release("held", [.receiveEnd])]),
        DifferentialCase(
            name: "state-disabled", rows: [.disabled], sections: listen([], servers: ["check disabled", "check", "disabled"]), servers: .named(3),
            steps: [
                .visits(2), .statistics(["status"]), .command("enable server CASE/s1"), .awaitLog("status: 2/2 UP"), .visits(4, .sameCounts),
                .command("set server CASE/s2 state maint"), .visits(2), .command("set server CASE/s1 state drain"), .visits(1),
                .statistics(["status", "weight"]), .command("set server CASE/s1 state ready"), .command("set server CASE/s2 state ready"),
                .awaitLog("status: 2/2 UP"), .statistics(["status"]),
            ]),
        DifferentialCase(
            name: "server-labels", rows: [.serverLabels], sections: listen([], servers: ["id 7", "id 3 cookie c2", ""]), servers: .named(3),
            steps: [.statistics(["sid", "iid"]), .visits(3)]),
        DifferentialCase(
            name: "connect-timeout", rows: [.retries, .connections],
            sections: listen(["timeout connect 300", "retries 1", "no option redispatch"], servers: [""]), servers: ["9001": .deaf],
            steps: [.visits(1)]),
        DifferentialCase(
            name: "client-silent", rows: [.connections], sections: listen(["timeout client 300", "timeout server 5s"], servers: [""]),
            servers: .named(1), steps: [.client([.receive(text("\n")), .receiveEnd])]),
        DifferentialCase(
            name: "server-silent", rows: [.connections], sections: listen(["timeout client 5s", "timeout server 300"], servers: [""]),
            servers: .named(1), steps: [.client([.receive(text("\n")), .receiveEnd])]),
        DifferentialCase(
            name: "server-resets", rows: [.connections], sections: listen([], servers: [""]),
            servers: ["9001": .serving([.send(text("s1\n")), .receive([]), .reset])],
            steps: [.client([.receive(text("\n")), .send(text("x")), .receiveEnd])]),
        DifferentialCase(
            name: "client-resets", rows: [.connections], sections: listen([], servers: [""]), servers: .named(1),
            steps: [.client([.receive(text("\n")), .reset])]),
    ]

    /// Waits until a connection of HOST has a keep-alive timer of this many seconds, and counts such connections. tsukada sets the times of servers after 5 s.
    private static func keepAlives(_ seconds: String) -> String {
        let count = "ss -Htno state established | grep HOST: | grep -cE 'keepalive,(\(seconds))sec'"
        return "for i in {1..50}; do n=$(\(count)); [ $n = 0 ] || break; sleep 0.2; done; echo $n"
    }

    /// Servers that send the address that a connection comes from.
    private static func peers(_ count: Int) -> [String: ServerConduct] {
        Dictionary(uniqueKeysWithValues: (1...count).map { ("\(9000 + $0)", ServerConduct.serving([.sendPeer])) })
    }
}
