// Notifications to a supervisor and its sockets, without systemd: NOTIFY_SOCKET and LISTEN_FDS.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("A supervisor", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "-Ws needs a build with systemd support"))
    struct SupervisorTests {
        @Test("gets READY, RELOADING with the time, STOPPING, and notifications of its watchdog in time")
        func notifications() throws {
            let cluster = try freshCluster()
            let node = cluster.tsukada01
            let words = try node.start(["socat", "-u", "UNIX-RECV:/run/notify", "STDOUT"], input: .heldPipe)
            defer { _ = try? words.killAtOnce() }
            try eventually(within: 5, "the notification socket") { try node.run(["test", "-S", "/run/notify"]).status == 0 }
            let arguments = try RunningProxy.writeFiles(on: node, configuration: nil, ownSections: nil)
            let environment = ["env", "NOTIFY_SOCKET=/run/notify", "WATCHDOG_USEC=600000"]
            let master = try node.start(environment + [ProxyProgram.tsukada.path, "-Ws", "-db", "-S", "/run/master"] + arguments)
            defer { _ = try? master.killAtOnce() }
            func heard() -> [String] { words.outside.output.split(separator: "\n").map(String.init) }

            try eventually(within: 10, "READY: \(master.outside.output)") { heard().contains("READY=1") }
            #expect(heard().contains("STATUS=serving"))
            #expect(try cluster.client.query(cluster.tsukada01, count: 1).count == 1, "READY means that clients are served")
            let (lives, began) = (heard().count { $0 == "WATCHDOG=1" }, MonotonicMoment.now)
            try eventually(within: 5, "five watchdog notifications") { heard().count { $0 == "WATCHDOG=1" } >= lives + 5 }
            let took = Double(MonotonicMoment.now - began) / 1e9
            #expect((0.75...1.6).contains(took), "every third of the watchdog's time: \(took) s")

            try master.send(signal: SIGUSR2)
            try eventually(within: 10, "READY again") { heard().count { $0 == "READY=1" } == 2 }
            let reloading = try #require(heard().firstIndex(of: "RELOADING=1"))
            let microseconds = try #require(heard()[reloading + 1].split(separator: "=").last.flatMap { Int64($0) })
            #expect(heard()[reloading + 1].hasPrefix("MONOTONIC_USEC="))
            #expect((0...20_000_000).contains(MonotonicMoment.now / 1000 - microseconds))
            try master.send(signal: SIGUSR1)
            try master.outside.wait(within: 10)
            #expect(heard().contains("STOPPING=1"))
            #expect(master.outside.exitStatus == 0)
        }

        @Test("hands an open socket over: with a master and without, over a reload and a dead worker", arguments: ["-Ws", ""])
        func activation(option: String) throws {
            let cluster = try freshCluster()
            let node = cluster.tsukada01
            let arguments = try RunningProxy.writeFiles(on: node, configuration: nil, ownSections: nil)
            let master = option.isEmpty ? "" : " \(option) -S /run/master"
            let run = "\(ProxyProgram.tsukada.path) -db\(master) \(arguments.joined(separator: " "))"
            try eventually(within: 10, "the port to be free: \(try node.demand(["ss", "-Hltnp"]))") {
                try node.demand(["ss", "-Hltn", "sport = :3306"]).isEmpty
            }
            let service = try node.start([clusterTool, "activate", "--listen", "172.20.0.11:3306", "--run", run])
            defer { _ = try? service.killAtOnce() }
            func ports() throws -> Int { try node.demand(["ss", "-Hltn", "sport = :3306"]).split(separator: "\n").count }
            func expectServed() throws {
                try eventually(within: 10, "a session: \(service.outside.output)", interval: 50) {
                    try cluster.client.query(cluster.tsukada01, count: 1).first?.detail.hasPrefix("dbserver") == true
                }
                #expect(try ports() == 1, "only the inherited socket; without it there would be one for each thread")
            }
            try expectServed()
            guard !option.isEmpty else { return }
            #expect(try node.demand(["bash", "-c", "echo reload | socat -t 20 - UNIX-CONNECT:/run/master"]).hasPrefix("Success=1"))
            try expectServed()
            try node.demand(["bash", "-c", "echo show proc | socat -t 5 - UNIX-CONNECT:/run/master | awk '$2 == \"worker\" {print $1; exit}' | xargs kill -9"])
            try expectServed()
        }
    }
}
