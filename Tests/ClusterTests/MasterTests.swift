// The purpose of a master process: reloads and dead workers that no client notices.

import CLinux
import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("A master", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "these are promises of tsukada's own"))
    struct MasterTests {
        @Test("reloads 100 times under load, 10 times with a broken file, with changing numbers of threads: no client fails, and nothing remains")
        func reloads() throws {
            let cluster = try freshCluster()
            let master = try RunningMaster(on: cluster.tsukada01, in: cluster.world, more: "nbthread 2")
            defer { master.stop() }
            try master.waitUntilBothServersAreUp()
            let load = try LoadClient(on: cluster.client, target: cluster.tsukada01, clients: 20, slowOverMilliseconds: 500)
            try eventually(within: 10, "load") { try master.sessionsTotal() > 200 }
            _ = try master.reload()
            try eventually(within: 5, "the first worker to end") { try master.workers().count == 1 }
            let before = try master.measure()

            for round in 1...100 {
                let isBroken = round % 10 == 5
                try master.write(isBroken ? "nbthread 0" : round % 10 == 0 ? "nbthread \(round % 20 == 0 ? 1 : 4)" : "nbthread 2")
                let answer = try master.reload()
                #expect(answer.hasPrefix(isBroken ? "Success=0\n--\n" : "Success=1\n--\n"), "reload \(round): \(answer)")
                if isBroken { #expect(answer.contains("haproxy.cfg:") && answer.contains("nbthread"), "\(answer)") }
            }
            let report = try load.stop()
            #expect(report.attempts > 1000)
            #expect(report.failures.isEmpty, "\(report.failures.count) of \(report.attempts): \(report.failures.prefix(3))")
            print("100 reloads: \(report.attempts) connects, slowest \(Int(report.slowestMilliseconds)) ms")

            try master.write("nbthread 2")
            _ = try master.reload()
            try eventually(within: 20, "the earlier workers to end: \(try master.processes())") { try master.workers().count == 1 }
            let after = try master.measure()
            #expect(after.masterDescriptors <= before.masterDescriptors, "\(before) \(after)")
            #expect(after.workerDescriptors <= before.workerDescriptors + 2, "\(before) \(after)")
            #expect(after.masterKilobytes <= before.masterKilobytes + 2048, "\(before) \(after)")
            try eventually(within: 5, "the sum of all workers' sessions") { try master.sessionsTotal() >= report.attempts }
        }

        @Test("closes listening sockets at a reload with fewer threads where the kernel moves connections: no client fails")
        func fewerSockets() throws {
            let cluster = try freshCluster()
            let node = cluster.tsukada01
            try node.demand(["sysctl", "-qw", "net.ipv4.tcp_migrate_req=1"])
            defer { _ = try? node.run(["sysctl", "-qw", "net.ipv4.tcp_migrate_req=0"]) }
            func sockets() throws -> Int { try node.demand(["ss", "-Hltn", "sport", "=", ":3306"]).split(separator: "\n").count }
            var resets = 0
            for _ in 1...5 {
                let master = try RunningMaster(on: node, in: cluster.world, more: "nbthread 8")
                defer { master.stop() }
                try master.waitUntilBothServersAreUp()
                #expect(try sockets() == 8)
                let load = try LoadClient(on: cluster.client, target: node, clients: 40, slowOverMilliseconds: 500)
                try eventually(within: 10, "load") { try master.sessionsTotal() > 100 }
                try master.write("nbthread 1")
                #expect(try master.reload().hasPrefix("Success=1\n--\n"))
                try eventually(within: 5, "seven sockets to close") { try sockets() == 1 }
                let report = try load.stop()
                #expect(report.attempts > 100)
                resets += report.failures.count
                #expect(report.failures.isEmpty, "\(report.failures.count) of \(report.attempts): \(report.failures.prefix(3))")
            }
            print("5 reloads from 8 listening sockets to 1: \(resets) connections failed")
        }

        @Test("replaces a killed worker: only that worker's sessions are lost")
        func killedWorker() throws {
            let cluster = try freshCluster()
            let master = try RunningMaster(on: cluster.tsukada01, in: cluster.world)
            defer { master.stop() }
            try master.waitUntilBothServersAreUp()
            let load = try LoadClient(on: cluster.client, target: cluster.tsukada01, clients: 20, slowOverMilliseconds: 100)
            try eventually(within: 10, "load") { try master.sessionsTotal() > 200 }
            // The file is half edited by then: the new worker starts with the last good one.
            try master.write("nbthread 0")
            var deaths: [ClosedRange<Int64>] = []
            for _ in 1...3 {
                let worker = try #require(try master.workers().first)
                let before = MonotonicMoment.now
                try cluster.tsukada01.demand(["kill", "-9", worker])
                deaths.append(before...MonotonicMoment.now)
                try eventually(within: 3, "another worker") { try master.workers().first.map { $0 != worker } ?? false }
                // A worker that dies within its first second is not replaced at once.
                try holds(for: 1.2, "one worker serves", interval: 200) { try master.workers().count == 1 }
            }
            let counted = try master.sessionsTotal()
            let report = try load.stop()
            // A worker sends its counters to the master every second, so at most the last second is lost.
            #expect(counted > report.attempts / 2, "\(counted) sessions were counted over all workers, of \(report.attempts)")
            let notConnected = report.failures.filter { $0.connectedAt == nil }
            #expect(notConnected.isEmpty, "\(notConnected.count) connects failed: \(notConnected.prefix(3))")
            let late = report.failures.filter { failure in !deaths.contains { (failure.startedAt...failure.endedAt).overlaps($0) } }
            #expect(late.isEmpty, "\(late.count) failures were not sessions of the worker that died: \(late.prefix(3))")
            #expect(report.failures.count <= 60, "each client can lose one session for each death")
            #expect(report.slowestMilliseconds < 200, "a connect waited \(report.slowestMilliseconds) ms in the queue")
            print("3 workers killed: \(report.attempts) attempts, \(report.failures.count) failed, slowest \(Int(report.slowestMilliseconds)) ms")
        }

        @Test("passes on verdicts, weights and operators' commands, so that a new worker never uses a dead server")
        func passesVerdictsOn() throws {
            let cluster = try freshCluster()
            let master = try RunningMaster(on: cluster.tsukada01, in: cluster.world)
            defer { master.stop() }
            try master.waitUntilBothServersAreUp()
            try cluster.replica01.killAtOnce()
            try eventually(within: 20, "read01 to be DOWN") { try master.status("read01").hasPrefix("DOWN") }
            _ = try master.command("@1 set weight mysql/read02 7")
            for _ in 1...3 {
                #expect(try master.reload().hasPrefix("Success=1"))
                #expect(try master.status("read01").hasPrefix("DOWN"))
                #expect(try cluster.client.query(cluster.tsukada01, count: 4).allSatisfy { $0.detail == "dbserver02" })
            }
            let worker = try #require(try master.workers().first)
            try cluster.tsukada01.demand(["kill", "-9", worker])
            try eventually(within: 2, "another worker") { try master.workers().first != worker }
            #expect(try master.status("read01").hasPrefix("DOWN"))
            #expect(try master.command("@1 get weight mysql/read02").hasPrefix("7 (initial 1)"))
            try cluster.replica01.start()
        }

        @Test(
            "reports a forwarding thread that hangs after a second, and replaces the process after ten",
            .disabled(if: !isX86, "calls are injected on x86_64 only"))
        func hangingThread() throws {
            let cluster = try freshCluster()
            let master = try RunningMaster(on: cluster.tsukada01, in: cluster.world, more: "nbthread 2")
            defer { master.stop() }
            try master.waitUntilBothServersAreUp()
            let log = try cluster.log(of: cluster.tsukada01)
            let mark = log.mark
            let worker = try #require(try master.workers().first)
            // The thread waits in a poll(2) without descriptors, as if it hung.
            let thread = try master.thread("forwarding 1")
            let words = ["inject", "--process", "\(thread)", "--call", "\(__NR_poll)", "--arguments", "0 0 30000"]
            let began = MonotonicMoment.now
            let injection = try ChildProcess([clusterTool] + words)
            // A thread counts as hung only while it has work: some of these connections belong to it.
            try eventually(within: 5, "the thread to hang") { readWholeFile("/proc/\(thread)/syscall")?.hasPrefix("\(__NR_poll) ") ?? false }
            try cluster.client.demand([clusterTool, "abandon", "--to", "\(cluster.tsukada01.address):3306", "--count", "40"])
            try log.wait(for: "forwarding thread 1 stuck for 1s", from: mark, within: 5)
            #expect(MonotonicMoment.now - began < 4_000_000_000)
            try log.wait(for: "worker \(worker) died: signal 6", from: mark, within: 15)
            #expect(MonotonicMoment.now - began > 9_000_000_000)
            try injection.wait(within: 5)
            #expect(try cluster.client.query(cluster.tsukada01, count: 4).allSatisfy { $0.outcome == .answered })
        }

        @Test("kills a worker that is silent for ten seconds, also in a drain, but none after all processes were stopped together")
        func frozenWorker() throws {
            let cluster = try freshCluster()
            let master = try RunningMaster(on: cluster.tsukada01, in: cluster.world)
            defer { master.stop() }
            try master.waitUntilBothServersAreUp()
            let log = try cluster.log(of: cluster.tsukada01)
            let mark = log.mark
            let worker = try #require(try master.workers().first)
            master.sendAll(signal: SIGSTOP)
            let stopped = log.mark
            try holds(for: 12, "all processes are stopped", interval: 100) { log.lines(from: stopped).isEmpty }
            master.sendAll(signal: SIGCONT)
            try holds(for: 3, "the worker lives on", interval: 200) { try master.workers() == [worker] }

            try cluster.tsukada01.demand(["kill", "-STOP", worker])
            let began = MonotonicMoment.now
            try log.wait(for: "worker \(worker) died: signal 9 (no sign of life for 10s)", from: mark, within: 15)
            #expect(MonotonicMoment.now - began > 8_000_000_000)
            #expect(try cluster.client.query(cluster.tsukada01, count: 4).allSatisfy { $0.outcome == .answered })

            let next = try #require(try master.workers().first)
            try cluster.tsukada01.demand(["kill", "-STOP", next])
            master.send(signal: SIGUSR1)
            try master.waitForEnd(within: 15)
        }

        @Test("keeps socket, pid file and sessions when a second one is started by mistake; a failed reload is in the log")
        func secondMaster() throws {
            let cluster = try freshCluster()
            let node = cluster.tsukada01
            let master = try RunningMaster(on: node, in: cluster.world)
            defer { master.stop() }
            try master.waitUntilBothServersAreUp()
            for (path, complaint) in [("/run/master", "-S /run/master: a master is already running there"), ("/run/other", "cannot bind")] {
                let second = try node.run([ProxyProgram.tsukada.path, "-W", "-S", path, "-f", "/etc/haproxy/haproxy.cfg"])
                #expect(second.status == 1 && second.output.contains(complaint), "\(second)")
            }
            #expect(try node.demand(["cat", "/run/haproxy.pid"]) == "\(master.process)\n")
            #expect(try master.status("read01").hasPrefix("UP"))
            #expect(try cluster.client.query(node, count: 4).allSatisfy { $0.outcome == .answered })

            let log = try cluster.log(of: node)
            let mark = log.mark
            try master.write("nbthread 0")
            #expect(try master.reload().hasPrefix("Success=0"))
            try log.wait(for: "Reload failed: /etc/haproxy/haproxy.cfg:", from: mark, within: 2)
            try master.write("")
            #expect(try master.reload().hasPrefix("Success=1"))
        }

        @Test("adds and removes ports: removed ones refuse, and a session of the old worker continues")
        func changedPorts() throws {
            let cluster = try freshCluster()
            let port = { (number: Int) in "nbthread 2\nlisten other\n    bind 172.20.0.11:\(number)\n    server one 172.20.0.21:3306\nglobal" }
            let master = try RunningMaster(on: cluster.tsukada01, in: cluster.world, more: port(3401))
            defer { master.stop() }
            try master.waitUntilBothServersAreUp()
            #expect(try cluster.client.query(cluster.tsukada01, port: 3401).allSatisfy { $0.outcome == .answered })
            let session = try cluster.client.start([clusterTool, "query", "--to", "172.20.0.11:3306", "--text", "select sleep(4)"])
            try eventually(within: 5, "a session") { try master.sessionsTotal() > 0 }
            let old = try #require(try master.workers().first)
            try master.write(port(3402))
            #expect(try master.reload().hasPrefix("Success=1"))
            #expect(try cluster.client.query(cluster.tsukada01, port: 3402).allSatisfy { $0.outcome == .answered })
            let refused = try cluster.client.query(cluster.tsukada01, port: 3401)
            #expect(refused.allSatisfy { $0.outcome == .connectFailed && $0.milliseconds < 1000 }, "\(refused)")
            #expect(try master.workers().last == old, "the old worker keeps its session")
            try session.outside.wait(within: 10)
            try eventually(within: 3, "the old worker to end") { try master.workers().count == 1 }
            #expect(session.outside.output.contains("answered"), "\(session.outside.output)")
        }

        @Test("that is killed leaves a worker that closes its ports immediately and answers at its runtime socket: the next start succeeds")
        func killedMaster() throws {
            let cluster = try freshCluster()
            let node = cluster.tsukada01
            let probe = "probe plain\n    bind 0.0.0.0:3308\n    require mysql 1\n    drain 20s\n"
            let master = try RunningMaster(on: node, in: cluster.world, more: "nbthread 2", ownSections: probe)
            defer { master.stop() }
            try master.waitUntilBothServersAreUp()
            let second = try node.run([ProxyProgram.tsukada.path, "-f", "/etc/haproxy/haproxy.cfg"])
            #expect(second.status == 1 && second.output.contains("Address already in use"), "two threads, and no master: \(second)")
            let session = try cluster.client.start([clusterTool, "query", "--to", "172.20.0.11:3306", "--text", "select sleep(6)"])
            try eventually(within: 5, "a session") { try master.sessionsTotal() > 0 }
            let orphan = try #require(try master.workers().first)

            master.send(signal: SIGKILL)
            let began = MonotonicMoment.now
            let info = try node.demand(["bash", "-c", "echo show info | timeout 2 socat -t 2 - UNIX-CONNECT:/var/lib/haproxy/stats"])
            #expect(info.contains("Pid: \(orphan)\n") && info.contains("CurrConns: 1\n"), "\(info)")
            let next = try RunningMaster(on: node, in: cluster.world, more: "nbthread 2", ownSections: probe)
            defer { next.stop() }
            #expect(try cluster.client.query(node, count: 1).first?.outcome == .answered)
            #expect(MonotonicMoment.now - began < 2_000_000_000)
            #expect(try !node.demand(["bash", "-c", "echo show info | socat -t 2 - UNIX-CONNECT:/var/lib/haproxy/stats"]).contains("Pid: \(orphan)\n"))
            try session.outside.wait(within: 10)
            #expect(session.outside.output.contains("answered"), "\(session.outside.output)")
            try eventually(within: 3, "the earlier worker to end") { try node.run(["kill", "-0", orphan]).status != 0 }
        }

        @Test("is not needed to hand sockets over: with -x and -sf under load no client fails")
        func handOver() throws {
            let cluster = try freshCluster()
            let configuration = try RunningMaster.configuration(of: cluster.tsukada01, more: "nbthread 2")
            var proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, configuration: configuration)
            defer { proxy.stop() }
            try proxy.waitUntilBothServersAreUp()
            let load = try LoadClient(on: cluster.client, target: cluster.tsukada01, clients: 20, slowOverMilliseconds: 500)
            func sessions() throws -> Int { Int(try proxy.statistics("stot")["FRONTEND"] ?? "0") ?? 0 }
            for _ in 1...5 {
                let former = proxy
                let options = ["-x", "/var/lib/haproxy/stats", "-sf", "\(former.innerProcess)"]
                proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, configuration: configuration, options: options)
                try former.waitForEnd(within: 10)
                let before = try sessions()
                try eventually(within: 5, "sessions of the new process") { try sessions() >= before + 100 }
            }
            let report = try load.stop()
            #expect(report.attempts > 300)
            #expect(report.failures.isEmpty, "\(report.failures.count) of \(report.attempts): \(report.failures.prefix(3))")
            #expect(try sessions() >= report.attempts)
        }

        @Test("keeps the node ALIVE for its peer over reloads and dead workers: no SUSPECT, no differing view, no change of a server")
        func gossipGoesOn() throws {
            let cluster = try freshCluster()
            let pair = try GossipPair(cluster, asAdministrator: true, options: ["-W", "-S", "/run/master"])
            defer { pair.stop() }
            try pair.waitUntilSettled()
            _ = try pair.first.proxy.command("set server mysql/read02 state drain on cluster")
            try eventually(within: 5, "the drain on both") { try pair.second.proxy.statistics("status")["read02"] == "DRAIN" }
            let quiet = MonotonicMoment.now
            /// Lines about peers and servers since then.
            func reports(_ member: GossipMember) -> [String] {
                member.lines(with: "").filter { $0.receivedAt > quiet }.map(\.datagram).filter { $0.contains("Gossip") || $0.contains("Server mysql/") }
            }
            for round in 1...10 {
                let node = round % 2 == 0 ? cluster.tsukada01 : cluster.tsukada02
                if round % 5 == 0 {
                    let workers = try node.demand(["bash", "-c", "echo show proc | socat -t 20 - UNIX-CONNECT:/run/master | awk '$2 == \"worker\" {print $1}'"])
                    try node.demand(["kill", "-9"] + workers.split(separator: "\n").map(String.init))
                } else {
                    _ = try node.demand(["bash", "-c", "echo reload | socat -t 20 - UNIX-CONNECT:/run/master"])
                }
                try holds(for: 0.7, "no line about peers and servers, round \(round)", interval: 50) { pair.both.allSatisfy { reports($0).isEmpty } }
                for member in pair.both { #expect(try member.proxy.statistics("status") == pair.first.proxy.statistics("status")) }
                #expect(try pair.first.proxy.statistics("status")["read02"] == "DRAIN")
            }
            try pair.waitUntilAlive()
            for member in pair.both { #expect(reports(member).isEmpty, "\(reports(member).joined(separator: "\n"))") }
            // The peer is stopped, so only the workers pass the cluster command on, from one to the next.
            pair.second.proxy.stop()
            for command in ["echo reload | socat -t 20 - UNIX-CONNECT:/run/master", "kill -9 $(pgrep -P $(cat /run/haproxy.pid))"] {
                func worker() throws -> Substring? { try pair.first.proxy.command("show info").split(separator: "\n").first { $0.hasPrefix("Pid: ") } }
                let before = try worker()
                try cluster.tsukada01.demand(["bash", "-c", command])
                try eventually(within: 5, "another worker after \(command)") { (try? worker()) ?? before != before }
                try holds(for: 0.5, "the drain continues after \(command)", interval: 100) {
                    try pair.first.proxy.statistics("status")["read02"] == "DRAIN" && pair.first.rows("admin").contains { $0["state"] == "drain" }
                }
            }
        }

        @Test("closes the earlier worker's sessions in a hard reload, and ends with its worker after a drain")
        func hardReloadAndDrain() throws {
            let cluster = try freshCluster()
            let sections = "probe plain\n    bind 0.0.0.0:3308\n    require mysql 1\n    drain 2s\n"
            let master = try RunningMaster(on: cluster.tsukada01, in: cluster.world, ownSections: sections)
            defer { master.stop() }
            try master.waitUntilBothServersAreUp()
            let probe = ["bash", "-c", "exec 3<>/dev/tcp/172.20.0.11/3308"]
            let session = try cluster.client.start([clusterTool, "query", "--to", "172.20.0.11:3306", "--text", "select sleep(20)"])
            try eventually(within: 5, "a session") { try master.sessionsTotal() > 0 }
            #expect(try master.command("hard-reload").hasPrefix("Success=1"))
            try session.outside.wait(within: 3)
            try eventually(within: 3, "the earlier worker to end") { try master.workers().count == 1 }
            #expect(try cluster.client.run(probe).status == 0, "the port belongs to the new worker")

            let worker = try #require(try master.workers().first)
            #expect(try cluster.tsukada01.demand(["bash", "-c", "echo drain | socat - /var/lib/haproxy/stats"]).contains("Draining"))
            #expect(try master.reload().hasPrefix("Success=0\n--\nthis node is stopping"))
            #expect(try cluster.client.query(cluster.tsukada01).allSatisfy { $0.outcome == .answered }, "the ports keep forwarding for 2 s")
            #expect(try cluster.client.run(probe).status != 0)
            #expect(try master.workers() == [worker])
            try master.waitForEnd(within: 8)
        }
    }
}
