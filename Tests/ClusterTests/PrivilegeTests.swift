// The remaining rights of a serving process that an intruder has taken over.

import ClusterWorld
import CLinux
import Foundation
import LinuxIO
import Support
import Testing

extension ClusterSuite {
    @Suite("The rights of a serving process", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "these are promises of tsukada's own"))
    struct PrivilegeTests {
        /// A process's children, seen from outside.
        private func children(of process: Int32) -> [Int32] {
            (readWholeFile("/proc/\(process)/task/\(process)/children") ?? "").split(separator: " ").compactMap { Int32($0) }
        }

        /// The fields of a status file.
        private func status(_ path: String) -> [String: String] {
            var fields: [String: String] = [:]
            for line in (readWholeFile(path) ?? "").split(separator: "\n") {
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts.count == 2 { fields[String(parts[0])] = parts[1].trimmingCharacters(in: .whitespaces) }
            }
            return fields
        }

        private func statusOfThreads(_ process: Int32) throws -> [[String: String]] {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task").map { status("/proc/\(process)/task/\($0)/status") }
        }

        private static let capabilitySets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]

        @Test(
            "are dropped completely in every thread: with a master and without, as a user and as root",
            arguments: [(true, true), (true, false), (false, true), (false, false)])
        func nothingLeft(hasMaster: Bool, hasUser: Bool) throws {
            let cluster = try freshCluster()
            var configuration = try seedConfiguration(of: "tsukada01")
            if !hasUser { configuration = configuration.replacing(/\n *(user|group) .*/, with: "") }
            let proxy = try RunningProxy(
                .tsukada, on: cluster.tsukada01, in: cluster.world, configuration: configuration, options: hasMaster ? ["-W", "-S", "/run/master"] : [])
            defer { proxy.stop() }
            let process = hasMaster ? try #require(children(of: proxy.process).first) : proxy.process
            try eventually(within: 5, "the system call filter") { status("/proc/\(process)/status")["Seccomp"] == "2" }
            let threads = try statusOfThreads(process)
            #expect(threads.count > 2)
            for thread in threads {
                #expect(Self.capabilitySets.allSatisfy { thread[$0] == "0000000000000000" }, "\(thread)")
                #expect(thread["NoNewPrivs"] == "1" && thread["Seccomp"] == "2", "\(thread)")
                #expect((thread["Uid"] ?? "").hasPrefix("0\t") == !hasUser)
                #expect(["forwarding 1", "forwarding 2", "watchdog"].contains(thread["Name"]) || thread["Pid"] == "\(process)", "\(thread)")
            }
            for number in 0...2 {
                #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/fd/\(number)") == "/dev/null", "no terminal or pipe")
            }
            try proxy.waitUntilBothServersAreUp()
            #expect(try cluster.client.query(cluster.tsukada01, count: 4).count == 4)
            guard hasMaster else { return }
            let master = status("/proc/\(proxy.process)/status")
            #expect(master["NoNewPrivs"] == "1")
            let kept = UInt64(master["CapEff"] ?? "", radix: 16) ?? 0
            #expect(kept != 0 && kept & ~0x10435eb == 0, "more than the rights to start workers: \(master)")
            #expect(master["CapBnd"] == master["CapPrm"] && master["CapAmb"] == "0000000000000000")
        }

        @Test("include CAP_NET_RAW and bind(2) alone where servers get the address of another host")
        func foreignAddresses() throws {
            let cluster = try freshCluster()
            let source = "    source 0.0.0.0 usesrc 172.20.0.11\n\n    server read01"
            let text = try seedConfiguration(of: "tsukada01").replacingOccurrences(of: "    server read01", with: source)
            let proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, configuration: text, options: ["-W", "-S", "/run/master"])
            defer { proxy.stop() }
            let process = try #require(children(of: proxy.process).first)
            try eventually(within: 5, "the system call filter") { status("/proc/\(process)/status")["Seccomp"] == "2" }
            for thread in try statusOfThreads(process) {
                #expect(thread["CapPrm"] == "0000000000002000" && thread["CapEff"] == "0000000000002000", "\(thread)")
                #expect(["CapInh", "CapBnd", "CapAmb"].allSatisfy { thread[$0] == "0000000000000000" }, "\(thread)")
                #expect(thread["NoNewPrivs"] == "1" && (thread["Uid"] ?? "").hasPrefix("0\t") == false, "\(thread)")
            }
            try proxy.waitUntilBothServersAreUp()
            let users = try cluster.client.query(cluster.tsukada01, count: 4, text: "select user()")
            // A database that looks names up shows the node's name.
            #expect(users.allSatisfy { ["app@172.20.0.11", "app@tsukada01"].contains($0.detail) }, "\(users)")
        }

        @Test("include CAP_SYS_ADMIN, and setns(2) into network namespaces alone, where a server is in a namespace", .enabled(if: isX86))
        func namespaces() throws {
            let cluster = try freshCluster()
            let node = cluster.tsukada01
            for name in ["blue", "green"] {
                try node.demand(["ip", "netns", "add", name])
                try node.demand(["ip", "-n", name, "link", "set", "lo", "up"])
            }
            let stub = try node.start(["ip", "netns", "exec", "blue", clusterTool, "stub", "--name", "in-blue", "--listen", "127.0.0.1:3306"])
            defer { stub.outside.send(signal: SIGKILL) }
            let text = """
                global
                    chroot /var/lib/haproxy
                    pidfile /var/run/haproxy.pid
                    user haproxy
                    group haproxy
                    daemon
                    stats socket /var/lib/haproxy/stats
                listen mysql
                    mode tcp
                    timeout connect 1s
                    timeout client 1m
                    timeout server 1m
                    option mysql-check user haproxy_check
                    bind 127.0.0.1:3306 namespace green
                    server inside 127.0.0.1:3306 check inter 100ms fall 1 rise 1 namespace blue
                    server outside 127.0.0.1:3306 check inter 100ms fall 1 rise 1

                """
            let proxy = try RunningProxy(.tsukada, on: node, in: cluster.world, configuration: text, options: ["-W", "-S", "/run/master"])
            defer { proxy.stop() }
            try eventually(within: 10, "the checks") { try proxy.lastChecks()["inside"] == "L7OK" && proxy.statistics("status")["outside"] == "DOWN" }
            func isServed() throws -> Bool {
                let query = [clusterTool, "query", "--to", "127.0.0.1:3306", "--count", "2", "--text", "select @@hostname"]
                return try node.demand(["ip", "netns", "exec", "green"] + query).split(separator: "\n").filter { $0.contains("in-blue") }.count == 2
            }
            #expect(try isServed())

            let first = try #require(children(of: proxy.process).first)
            try eventually(within: 5, "the system call filter") { status("/proc/\(first)/status")["Seccomp"] == "2" }
            for thread in try statusOfThreads(first) {
                #expect(thread["CapPrm"] == "0000000000200000" && thread["CapEff"] == "0000000000200000", "\(thread)")
                #expect(["CapInh", "CapBnd", "CapAmb"].allSatisfy { thread[$0] == "0000000000000000" }, "\(thread)")
                #expect((thread["Uid"] ?? "").hasPrefix("0\t") == false, "\(thread)")
            }
            // A reload keeps the listening socket in its namespace.
            proxy.send(signal: SIGUSR2)
            try eventually(within: 10, "another worker alone") { children(of: proxy.process).count == 1 && children(of: proxy.process).first != first }
            #expect(try isServed())

            let worker = try #require(children(of: proxy.process).first)
            try eventually(within: 5, "the system call filter") { status("/proc/\(worker)/status")["Seccomp"] == "2" }
            let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(worker)/ns/net")
            let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(worker)/fd")
            let home = try #require(files.first { (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(worker)/fd/\($0)")) == own })
            func enter(_ kind: Int32) throws -> String {
                let call = ["inject", "--process", "\(worker)", "--call", "\(__NR_setns)", "--arguments", "\(home) \(kind)"]
                return try ChildProcess.demand([clusterTool] + call).trimmingCharacters(in: .newlines)
            }
            #expect(try enter(CLONE_NEWNET) == "{\"result\":0}")
            #expect(try enter(0) == "{\"signal\":\(SIGSYS)}", "another kind of namespace")
        }

        @Test("exclude an intruder's calls: these kill the process, and the master replaces it; other unneeded calls fail", .enabled(if: isX86))
        func forbiddenCalls() throws {
            let cluster = try freshCluster()
            let master = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, options: ["-W", "-S", "/run/master"])
            defer { master.stop() }
            try master.waitUntilBothServersAreUp()
            let worker = try #require(children(of: master.process).first)
            func make(_ call: Int32, _ words: String, path: String = "/", in process: Int32) throws -> String {
                let command = ["inject", "--process", "\(process)", "--call", "\(call)", "--arguments", words, "--path", path]
                return try ChildProcess.demand([clusterTool] + command).trimmingCharacters(in: .newlines)
            }
            #expect(try make(__NR_getpid, "", in: worker) == "{\"result\":\(try #require(children(of: master.process).first.map(inner)))}")
            #expect(try make(__NR_kill, "1 0", in: worker) == "{\"result\":-\(EPERM)}", "this call is not needed")
            #expect(try make(__NR_mkdirat, "-100 path 511", path: "/x", in: worker) == "{\"result\":-\(EPERM)}", "this call is not needed")
            #expect(try make(__NR_openat, "-100 path 0 0", path: "/etc/shadow", in: worker) == "{\"result\":-\(ENOENT)}", "outside of its root")
            #expect(try make(__NR_openat, "-100 path 65 420", path: "/new", in: worker) == "{\"result\":-\(EACCES)}", "not writable for it")
            #expect(try make(__NR_clone, "17 0 0 0 0", in: worker) == "{\"result\":-\(EPERM)}", "no new process or thread")
            #expect(try cluster.client.query(cluster.tsukada01, count: 2).count == 2, "it keeps serving")

            for (call, words) in [(__NR_execve, "path 0 0"), (__NR_ptrace, "0 0 0 0"), (__NR_setuid, "0"), (__NR_mount, "path path 0 0 0")] {
                let worker = try #require(children(of: master.process).first)
                #expect(try make(call, words, path: "/bin/sh", in: worker) == "{\"signal\":\(SIGSYS)}", "call \(call)")
                try eventually(within: 10, "another worker") { children(of: master.process).first.map { $0 != worker } ?? false }
                try eventually(within: 10, "it to serve") { try cluster.client.query(cluster.tsukada01, count: 1).first?.detail.isEmpty == false }
            }

            // A second `ready`: otherwise the intruder could send sockets and a configuration for the next worker, which starts as root.
            let intruder = try #require(children(of: master.process).first)
            let link = (readWholeFile("/proc/\(intruder)/environ") ?? "").split(separator: "\0").first { $0.hasPrefix("TSUKADA_WORKER=") }
            let channel = try #require(link?.dropFirst("TSUKADA_WORKER=".count).split(separator: ",").first)
            // After the call the master may kill the intruder at any moment, even while the injector holds it, so the injector's result does not matter.
            _ = try? make(__NR_sendto, "\(channel) path 1 0 0 0", path: "\u{5}", in: intruder)
            try eventually(within: 5, "another worker") { children(of: master.process).first.map { $0 != intruder } ?? false }
            try eventually(within: 10, "it to serve") { try cluster.client.query(cluster.tsukada01, count: 1).first?.detail.isEmpty == false }
        }

        /// A process's number in its own namespace.
        private func inner(_ process: Int32) -> String { status("/proc/\(process)/status")["NSpid"]?.split(separator: "\t").last.map(String.init) ?? "" }

        @Test(
            "suffice: all calls of a busy node with a master, gossip and a store are allowed, and every usual call is used",
            .timeLimit(.minutes(2)))
        func callsAreThoseOfService() throws {
            let cluster = try freshCluster()
            let pair = try GossipPair(cluster, asAdministrator: true, hasStore: true, options: ["-W", "-S", "/run/master"])
            defer { pair.stop() }
            try pair.waitUntilSettled()
            let proxy = pair.first.proxy
            let worker = try #require(children(of: proxy.process).first)
            let trace = "\(cluster.world.directory)/trace"
            let tracer = try ChildProcess(["strace", "-f", "-n", "-s", "0", "-o", trace, "-p", "\(worker)"])
            defer { tracer.send(signal: SIGKILL) }
            try eventually(within: 5, "strace to attach: \(tracer.output)") { tracer.output.contains("attached") }

            _ = try cluster.client.query(cluster.tsukada01, count: 20)
            let client = "mariadb --no-defaults --host=172.20.0.11 --port=3306 --user=app --skip-column-names"
            let stream = client + " --execute=\"select repeat('x', 8000000)\" | wc -c"
            #expect(try cluster.client.demand(["bash", "-c", stream], within: 30).hasPrefix("8000001"))
            let words = ["set server mysql/read02 state drain on cluster", "enable server mysql/read02 on cluster"]
            for command in ["show info", "show gossip", "show servers state"] + words {
                _ = try proxy.command(command)
            }
            try cluster.replica01.killAtOnce()
            try eventually(within: 20, "read01 to be DOWN") { try proxy.statistics("status")["read01"]?.hasPrefix("DOWN") == true }
            _ = try cluster.client.query(cluster.tsukada01, count: 4)
            try cluster.replica01.start()
            try proxy.waitUntilBothServersAreUp()
            proxy.send(signal: SIGUSR2)
            try tracer.wait(within: 20)

            var seen: Set<Int32> = []
            for line in (readWholeFile(trace) ?? "").split(separator: "\n") {
                guard let match = line.firstMatch(of: /^\d+ +\[ *(\d+)\] (.*)/), let call = Int32(match.1) else { continue }
                seen.insert(call)
                #expect(!line.contains("EPERM"), "\(line)")
            }
            let known = Set(ServingCalls.usual + ServingCalls.rare)
            #expect(seen.count > 20)
            #expect(seen.isSubset(of: known), "forgotten: \(seen.subtracting(known).sorted())")
            print("system calls seen: \(seen.sorted())")
            let unused = Set(ServingCalls.usual).subtracting(seen)
            #expect(unused.isEmpty, "listed as usual, but never made: \(unused.sorted())")
        }

        @Test("keep its files private, regardless of the umask at the start")
        func modes() throws {
            let cluster = try freshCluster()
            let node = cluster.tsukada01
            let configuration = try seedConfiguration(of: node.name).replacingOccurrences(
                of: "    stats socket /var/lib/haproxy/stats",
                with: "    stats socket /run/plain level admin\n    stats socket /run/own mode 666 user haproxy level admin")
            let file = GossipFile(key: try GossipFile.newKey(on: node))
            try file.writeKey(on: node)
            let gossip = file.text + "    state-dir \(GossipMember.stateDirectory)\n"
            let proxy = try RunningProxy(
                .tsukada, on: node, in: cluster.world, configuration: configuration, ownSections: gossip, options: ["-W", "-S", "/run/master"],
                launcher: ["bash", "-c", "umask 0; exec \"$@\"", "umask"])
            defer { proxy.stop() }
            let change = "echo 'disable server mysql/read01 on cluster' | socat -t 10 - UNIX-CONNECT:/run/plain"
            try node.demand(["bash", "-c", change])
            let state = "\(GossipMember.stateDirectory)/gossip-\(node.name).state"
            try eventually(within: 10, "the state file") { try node.run(["test", "-e", state]).status == 0 }
            let listed = try node.demand(["stat", "-c", "%a %U %n", "/run/haproxy.pid", "/run/plain", "/run/own", "/run/master", state])
            #expect(
                listed == """
                    644 root /run/haproxy.pid
                    755 root /run/plain
                    666 haproxy /run/own
                    755 root /run/master
                    600 haproxy \(state)

                    """)
        }
    }
}

/// True where calls can be injected.
var isX86: Bool {
    #if arch(x86_64)
        true
    #else
        false
    #endif
}
