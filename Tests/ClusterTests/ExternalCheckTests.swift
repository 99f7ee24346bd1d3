// Checks that a program makes: its rights, its end, and the helper process that runs it.

import ClusterWorld
import Foundation
import Support
import Testing

/// A node whose servers are checked by the program of the fixture `external-check`.
private struct CheckedNode {
    let node: Node
    let proxy: RunningProxy

    /// - Parameters:
    ///   - global: more lines of `global`.
    ///   - command: the program.
    ///   - options: more words of both `server` lines.
    init(
        _ program: ProxyProgram, on node: Node, in cluster: Cluster, global: String = "", command: String = "/etc/haproxy/check", options: String = "inter 300",
        hasMaster: Bool = false, launcher: [String] = []
    ) throws {
        self.node = node
        let folder = "\(node.directory)/etc-haproxy"
        try fixture("external-check").write(toFile: "\(folder)/check", atomically: false, encoding: .utf8)
        try node.demand(["chmod", "755", "/etc/haproxy/check"])
        for server in ["read01", "read02"] { try Self.request("exit 0", of: server, on: node) }
        let text = """
            global
                log 127.0.0.1 local2
                pidfile /var/run/haproxy.pid
                user haproxy
                group haproxy
                daemon
                insecure-fork-wanted
                stats socket /var/lib/haproxy/stats level admin
                external-check
                \(global)
            defaults
                mode tcp
                log global
                option log-health-checks
                timeout connect 3s
                timeout client 10s
                timeout server 10s
            listen mysql
                bind *:3306
                option external-check
                external-check path /usr/bin:/bin
                external-check command \(command)
                server read01 172.20.0.21:3306 check \(options) maxconn 33
                server read02 172.20.0.22:3306 check \(options)

            """
        proxy = try RunningProxy(
            program, on: node, in: cluster.world, configuration: text, options: hasMaster ? ["-W", "-S", "/run/master"] : [], launcher: launcher)
    }

    /// Sets how the program ends for a server: "exit 3", "killed", "hang 7700" (seconds).
    static func request(_ words: String, of server: String, on node: Node) throws {
        // A program must never read a half written file.
        let path = "\(node.directory)/etc-haproxy/verdict.\(server)"
        try (words + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        try node.demand(["chmod", "644", "/etc/haproxy/verdict.\(server)"])
    }

    func request(_ words: String, of server: String) throws { try Self.request(words, of: server, on: node) }

    /// The lines of the program's latest report about a server.
    func report(of server: String) throws -> [String] {
        let path = "\(node.directory)/lib-tsukada/\(server)"
        try eventually(within: 10, "a report about \(server)") { FileManager.default.fileExists(atPath: path) }
        return (readWholeFile(path) ?? "").split(separator: "\n").map(String.init)
    }

    /// The process that serves, seen from outside.
    func server(hasMaster: Bool) throws -> Int32 { hasMaster ? try #require(proxy.workers.last) : proxy.process }

    /// The helper process of a serving process, seen from outside.
    func helper(of process: Int32) throws -> Int32 { try #require(ChildProcess.children(of: process).first) }

    /// The numbers of the node's processes that `pgrep` finds, without zombies.
    func processes(_ arguments: String...) throws -> [String] {
        let found = try node.run(["pgrep", "--runstates", "R,S,D,T"] + arguments)
        return found.output.split(separator: "\n").map(String.init)
    }

    func waitForLastChecks(_ expected: [String: String]) throws {
        try eventually(within: 15, "the last checks to be \(expected)", interval: 50) {
            let checks = try proxy.lastChecks()
            return expected.allSatisfy { checks[$0.key] == $0.value }
        }
    }
}

extension ClusterSuite {
    @Suite("Checks that a program makes", .serialized)
    struct ExternalCheckTests {
        @Test(
            "run as the configured user without any right and any descriptor of the node, with HAProxy's arguments and variables",
            .disabled(if: ProxyProgram.testsHaproxy, "haproxy's programs keep more rights"), arguments: [true, false])
        func surroundings(hasMaster: Bool) throws {
            let cluster = try freshCluster()
            let ours = try CheckedNode(.tsukada, on: cluster.tsukada01, in: cluster, hasMaster: hasMaster)
            defer { ours.proxy.stop() }
            let theirs = try CheckedNode(.haproxy, on: cluster.tsukada02, in: cluster)
            defer { theirs.proxy.stop() }
            for each in [ours, theirs] { try each.waitForLastChecks(["read01": "PROCOK", "read02": "PROCOK"]) }
            for server in ["read01", "read02"] {
                let lines = try ours.report(of: server)
                func call(_ lines: [String]) -> [String] { lines.filter { line in ["arguments ", "HAPROXY_", "PATH="].contains { line.hasPrefix($0) } } }
                #expect(try call(lines).count == 14 && call(lines) == call(theirs.report(of: server)), "\(lines)")
                for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] { #expect(lines.contains("\(set):\t0000000000000000"), "\(lines)") }
                let user = try ours.node.demand(["id", "-u", "haproxy"]).trimmingCharacters(in: .newlines)
                let group = try ours.node.demand(["id", "-g", "haproxy"]).trimmingCharacters(in: .newlines)
                #expect(lines.contains("Uid:\t\(user)\t\(user)\t\(user)\t\(user)") && lines.contains("Gid:\t\(group)\t\(group)\t\(group)\t\(group)"))
                #expect(lines.contains("NoNewPrivs:\t1") && lines.contains("Seccomp:\t0"), "\(lines)")
                #expect(lines.contains { $0.hasPrefix("Groups:") && !$0.contains { $0.isNumber } }, "\(lines)")
                let descriptors = lines.filter { $0.hasPrefix("descriptor ") }
                #expect(descriptors == ["descriptor 0 /dev/null", "descriptor 1 /dev/null", "descriptor 2 /dev/null"])
            }
            let process = try ours.server(hasMaster: hasMaster)
            #expect(readWholeFile("/proc/\(process)/status")?.contains("\nSeccomp:\t2\n") == true, "the serving process filters its calls")
            let helper = readWholeFile("/proc/\(try ours.helper(of: process))/status") ?? ""
            #expect(helper.hasPrefix("Name:\ttsukada-checks\n") && helper.contains("\nCapEff:\t0000000000000000\n") && helper.contains("\nNoNewPrivs:\t1\n"))
        }

        @Test("get the environment of tsukada with 'preserve-env' only", .disabled(if: ProxyProgram.testsHaproxy, "haproxy 2.6 lacks the word"))
        func environment() throws {
            for isPreserved in [true, false] {
                let cluster = try freshCluster()
                let global = isPreserved ? "external-check preserve-env" : ""
                let checked = try CheckedNode(.tsukada, on: cluster.tsukada01, in: cluster, global: global, launcher: ["env", "PRESERVED=yes"])
                defer { checked.proxy.stop() }
                let lines = try checked.report(of: "read01")
                #expect(lines.contains("PRESERVED=yes") == isPreserved && lines.contains("HAPROXY_SERVER_NAME=read01"), "\(lines)")
            }
        }

        @Test("have HAProxy's log lines and statistics: exit codes, a signal, a timeout")
        func logs() throws {
            let cluster = try freshCluster()
            let nodes = [cluster.tsukada01, cluster.tsukada02]
            let marks = try nodes.map { try cluster.log(of: $0).mark }
            let pair = [
                try CheckedNode(.tsukada, on: nodes[0], in: cluster, options: "inter 500 rise 1 fall 2"),
                try CheckedNode(.haproxy, on: nodes[1], in: cluster, options: "inter 500 rise 1 fall 2"),
            ]
            defer { for each in pair { each.proxy.stop() } }
            func wait(_ text: String, times: Int = 1) throws {
                for (node, mark) in zip(nodes, marks) { try cluster.log(of: node).wait(for: text, from: mark, times: times) }
            }
            func expectEqual(_ column: String, _ server: String, _ value: String) throws {
                for each in pair { #expect(try each.proxy.statistics(column)[server] == value, "\(each.proxy.program.tag): \(column)") }
            }
            try wait("Health check for server mysql/read01 succeeded")
            try wait("Health check for server mysql/read02 succeeded")
            for each in pair { try each.request("exit 3", of: "read01") }
            try wait("Server mysql/read01 is DOWN")
            try expectEqual("check_code", "read01", "3")
            for each in pair { try each.request("exit 0", of: "read01") }
            try wait("Server mysql/read01 is UP")
            // haproxy leaves the children of its programs behind, so each test has its own number. Its line about a timeout repeats the last program's code.
            for each in pair { try each.request("hang 7701", of: "read02") }
            try wait("reason: External check timeout, code: 0")
            try wait("Server mysql/read02 is DOWN")
            for each in pair { try each.request("exit 0", of: "read02") }
            try wait("Server mysql/read02 is UP")
            for each in pair { try each.request("killed", of: "read02") }
            try wait("Server mysql/read02 is DOWN", times: 2)
            try expectEqual("check_code", "read02", "4294967295")
            try expectEqual("check_desc", "read02", "External check error")
            let lines = try zip(nodes, marks).map { node, mark in try cluster.log(of: node).lines(from: mark) }
            let differences = LogComparison.differences(ours: lines[0], theirs: lines[1])
            #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
        }

        @Test("end with all their children at the timeout, and when the server is put into maintenance", .disabled(if: ProxyProgram.testsHaproxy, "haproxy"))
        func wholeGroupEnds() throws {
            let cluster = try freshCluster()
            let log = try cluster.log(of: cluster.tsukada01)
            let mark = log.mark
            let checked = try CheckedNode(.tsukada, on: cluster.tsukada01, in: cluster, options: "inter 1000 fall 1 rise 1")
            defer { checked.proxy.stop() }
            try checked.waitForLastChecks(["read01": "PROCOK"])
            try checked.request("hang 7702", of: "read01")
            try eventually(within: 10, "a hanging program") { try !checked.processes("-f", "slee[p] 7702").isEmpty }
            try log.wait(for: "Health check for server mysql/read01 failed, reason: External check timeout", from: mark)
            try checked.request("exit 0", of: "read01")
            try log.wait(for: "Server mysql/read01 is UP", from: mark)
            try eventually(within: 5, "its children to end") { try checked.processes("-f", "slee[p] 7702").isEmpty }

            try checked.request("hang 7703", of: "read01")
            try eventually(within: 10, "a hanging program") { try !checked.processes("-f", "slee[p] 7703").isEmpty }
            _ = try checked.proxy.command("disable server mysql/read01")
            try eventually(within: 5, "it to end") { try checked.processes("-f", "slee[p] 7703").isEmpty }
        }

        @Test(
            "end with a killed worker, whose successor has its own helper process", .disabled(if: ProxyProgram.testsHaproxy, "a promise of tsukada's own"))
        func killedWorker() throws {
            let cluster = try freshCluster()
            let checked = try CheckedNode(.tsukada, on: cluster.tsukada01, in: cluster, options: "inter 20s fastinter 300", hasMaster: true)
            defer { checked.proxy.stop() }
            try checked.waitForLastChecks(["read01": "PROCOK", "read02": "PROCOK"])
            try checked.request("hang 7704", of: "read01")
            // A server that leaves maintenance is checked at once.
            for word in ["disable", "enable"] { _ = try checked.proxy.command("\(word) server mysql/read01") }
            try eventually(within: 10, "a hanging program") { try !checked.processes("-f", "slee[p] 7704").isEmpty }
            let before = try checked.processes("-f", "slee[p] 7704") + checked.processes("-x", "tsukada-checks")
            try checked.request("exit 0", of: "read01")
            let worker = try checked.server(hasMaster: true)
            #expect(kill(worker, SIGKILL) == 0)
            try eventually(within: 10, "another worker") { checked.proxy.workers.last.map { $0 != worker } ?? false }
            try eventually(within: 10, "helper and program to end, and one new helper") {
                let after = try checked.processes("-f", "slee[p] 7704") + checked.processes("-x", "tsukada-checks")
                return after.count == 1 && Set(after).isDisjoint(with: before)
            }
            try checked.waitForLastChecks(["read01": "PROCOK", "read02": "PROCOK"])
        }

        @Test(
            "leave servers as they are if the helper process dies, until a reload; each reload ends the former helper",
            .disabled(if: ProxyProgram.testsHaproxy, "a promise of tsukada's own"))
        func killedHelper() throws {
            let cluster = try freshCluster()
            let log = try cluster.log(of: cluster.tsukada01)
            let mark = log.mark
            let checked = try CheckedNode(.tsukada, on: cluster.tsukada01, in: cluster, options: "inter 300 fall 2", hasMaster: true)
            defer { checked.proxy.stop() }
            try checked.request("exit 1", of: "read02")
            try checked.waitForLastChecks(["read01": "PROCOK", "read02": "PROCERR"])
            try log.wait(for: "Server mysql/read02 is DOWN", from: mark)
            #expect(kill(try checked.helper(of: checked.server(hasMaster: true)), SIGKILL) == 0)
            try log.wait(for: "The helper process of external checks was killed by signal 9", from: mark)
            try checked.waitForLastChecks(["read01": "SOCKERR", "read02": "SOCKERR"])
            try holds(for: 2, "both servers keep their state", interval: 200) {
                let status = try checked.proxy.statistics("status")
                return status["read01"] == "UP" && status["read02"] == "DOWN"
            }
            try checked.request("exit 0", of: "read02")
            for _ in 1...2 {
                let answer = try checked.node.demand(["bash", "-c", "echo reload | socat -t 20 - UNIX-CONNECT:/run/master"])
                #expect(answer.hasPrefix("Success=1"), "\(answer)")
                try checked.waitForLastChecks(["read01": "PROCOK", "read02": "PROCOK"])
                try eventually(within: 10, "one worker and one helper") {
                    try checked.proxy.workers.count == 1 && checked.processes("-x", "tsukada-checks").count == 1
                }
            }
            checked.proxy.stop()
            try eventually(within: 5, "the helper to end") { try checked.processes("-x", "tsukada-checks").isEmpty }
        }

        @Test("run inside 'chroot'; a missing program is named at the start", .disabled(if: ProxyProgram.testsHaproxy, "haproxy does not name it"))
        func changedRoot() throws {
            let cluster = try freshCluster()
            let node = cluster.tsukada01
            for isThere in [false, true] {
                if isThere {
                    let copy = "cp -L --parents /bin/true $(ldd /bin/true | grep -o '/[^ ]*') /var/lib/haproxy"
                    try node.demand(["bash", "-c", copy])
                }
                let checked = try CheckedNode(.tsukada, on: node, in: cluster, global: "chroot /var/lib/haproxy", command: "/bin/true")
                defer { checked.proxy.stop() }
                let warning = "'external-check command /bin/true': no executable file in '/var/lib/haproxy', the root of programs"
                #expect(checked.proxy.output.contains(warning) == !isThere, "\(checked.proxy.output)")
                try checked.waitForLastChecks(["read01": isThere ? "PROCOK" : "PROCERR"])
                if !isThere { #expect(try checked.proxy.statistics("check_code")["read01"] == "255") }
            }
        }
    }
}
