// An operator's tools: the command line, the daemon, the runtime socket, hatop, the probe.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("An operator of tsukada", .serialized)
    struct OperationTests {
        @Test("checks the unchanged file with -c", arguments: ["tsukada01", "tsukada02"])
        func checksTheFile(name: String) throws {
            let cluster = try freshCluster()
            let node = name == "tsukada01" ? cluster.tsukada01 : cluster.tsukada02
            let arguments = try RunningProxy.writeFiles(on: node, configuration: nil, ownSections: nil)
            let (status, output) = try node.run([ProxyProgram.tsukada.path, "-c"] + arguments)
            #expect(status == 0, "\(output)")
            #expect(output.hasSuffix("Configuration file is valid\n"), "\(output)")
            let quiet = try node.run([ProxyProgram.tsukada.path, "-c", "-q"] + arguments)
            #expect(quiet.status == 0 && quiet.output.isEmpty, "\(quiet)")
        }

        @Test("checks the examples with -c", .disabled(if: ProxyProgram.testsHaproxy, "haproxy has no probe sections"), arguments: ["tsukada01", "tsukada02"])
        func checksTheExamples(name: String) throws {
            let cluster = try freshCluster()
            let node = name == "tsukada01" ? cluster.tsukada01 : cluster.tsukada02
            let directory = "\(packageRoot)/deploy/examples/\(name)"
            let command = [ProxyProgram.tsukada.path, "-c", "-f", "\(directory)/haproxy.cfg", "-f", "\(directory)/tsukada.cfg"]
            let (status, output) = try node.run(command)
            #expect(status == 0, "\(output)")
        }

        @Test("gets the line of a mistake, and -c fails")
        func checkFailsOnMistake() throws {
            let cluster = try freshCluster()
            let node = cluster.tsukada01
            let broken = try seedConfiguration(of: node.name).replacingOccurrences(of: "balance roundrobin", with: "blance roundrobin")
            let arguments = try RunningProxy.writeFiles(on: node, configuration: broken, ownSections: nil)
            let (status, output) = try node.run([ProxyProgram.tsukada.path, "-c"] + arguments)
            #expect(status == 1, "\(output)")
            #expect(output.contains("haproxy.cfg:32:5\n   |\n32 |     blance roundrobin\n   |     ^^^^^^\n"), "\(output)")
            #expect(output.contains("   = help: did you mean 'balance'?\n"), "\(output)")
        }

        @Test("gets a daemon with the pidfile, user, group and chroot of the file")
        func daemonAsConfigured() throws {
            let cluster = try freshCluster()
            let proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world)
            defer { proxy.stop() }
            let status = readWholeFile("/proc/\(proxy.process)/status") ?? ""
            let user = try cluster.tsukada01.demand(["id", "-u", "haproxy"]).trimmingCharacters(in: .newlines)
            let group = try cluster.tsukada01.demand(["id", "-g", "haproxy"]).trimmingCharacters(in: .newlines)
            #expect(status.contains("\nUid:\t\(user)\t\(user)\t\(user)\t\(user)\n"), "\(status)")
            #expect(status.contains("\nGid:\t\(group)\t\(group)\t\(group)\t\(group)\n"), "\(status)")
            #expect(try cluster.tsukada01.demand(["readlink", "/proc/\(proxy.innerProcess)/root"]) == "/var/lib/haproxy\n")
            try proxy.waitUntilBothServersAreUp()
        }

        @Test(
            "gets a warning when one listening socket for each bind and thread exceeds the descriptor limit: threads share sockets, all clients are served",
            .disabled(if: ProxyProgram.testsHaproxy, "haproxy has one socket for each bind"))
        func sharedSockets() throws {
            let cluster = try freshCluster()
            let node = cluster.tsukada01
            let binds = "\nlisten many\n    bind 172.20.0.11:4000-4099\n    server read01 172.20.0.21:3306\n"
            let configuration =
                try seedConfiguration(of: node.name).replacingOccurrences(of: "    maxconn     4096", with: "    nbthread 8\n    maxconn 100") + binds
            // Without the capability to raise the limit.
            let launcher = ["prlimit", "--nofile=900:900", "setpriv", "--bounding-set=-sys_resource"]
            let proxy = try RunningProxy(.tsukada, on: node, in: cluster.world, configuration: configuration, launcher: launcher)
            defer { proxy.stop() }
            let warning = "one listening socket per bind and thread needs 808 sockets, too many for the descriptor limit of 900: 202 are opened"
            #expect(proxy.output.contains(warning), "\(proxy.output)")
            #expect(!proxy.output.contains("allows only"), "maxconn fits: \(proxy.output)")
            let open = try node.demand(["ls", "/proc/\(proxy.innerProcess)/fd"]).split(separator: "\n").count
            #expect((202..<400).contains(open))
            for port in stride(from: 4000, to: 4100, by: 11) {
                #expect(try cluster.client.query(node, port: port, count: 4).allSatisfy { $0.outcome == .answered }, "port \(port)")
            }
        }

        @Test("takes a server out and back through a runtime socket of level admin")
        func runtimeSocket() throws {
            let cluster = try freshCluster()
            let socket = "stats socket /var/lib/haproxy/stats"
            let configuration = try seedConfiguration(of: "tsukada01").replacingOccurrences(of: socket, with: socket + " level admin")
            let proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, configuration: configuration)
            defer { proxy.stop() }
            try proxy.waitUntilBothServersAreUp()
            _ = try proxy.command("disable server mysql/read01")
            #expect(try proxy.statistics("status")["read01"] == "MAINT")
            #expect(try cluster.client.query(cluster.tsukada01, count: 6).allSatisfy { $0.detail == "dbserver02" })
            _ = try proxy.command("enable server mysql/read01")
            try proxy.waitUntilBothServersAreUp()
            #expect(try cluster.client.query(cluster.tsukada01, count: 6).count { $0.detail == "dbserver01" } == 3)
            #expect(try proxy.statistics("stot")["FRONTEND"] == "12")
        }

        @Test("sees the servers on hatop's screen")
        func hatopShowsServers() throws {
            let cluster = try freshCluster()
            let proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world)
            defer { proxy.stop() }
            try proxy.waitUntilBothServersAreUp()
            let node = cluster.tsukada01
            let tmux = ["tmux", "-S", "/run/tmux", "-f", "/dev/null"]
            let start = tmux + ["new-session", "-d", "-x", "160", "-y", "50", "env", "TERM=screen", "hatop", "-s", "/var/lib/haproxy/stats"]
            try node.demand(start)
            defer { _ = try? node.run(tmux + ["kill-server"]) }
            var screen = ""
            try eventually(within: 15, "hatop's screen to show both servers: \(screen)", interval: 100) {
                screen = try node.run(tmux + ["capture-pane", "-p"]).output
                let rows = screen.split(separator: "\n").filter { $0.contains("read0") }
                return rows.count == 2 && rows.allSatisfy { $0.contains("UP") }
            }
        }

        @Test("has probes that pass while a server is usable, and fail when none is or the node stops", .disabled(if: ProxyProgram.testsHaproxy))
        func probeTellsTheTruth() throws {
            let cluster = try freshCluster()
            let probes = """
                probe web
                    bind 0.0.0.0:3307
                    mode http
                    require mysql 1
                probe plain
                    bind 0.0.0.0:3308
                    mode tcp
                    require mysql 1
                """
            let proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, ownSections: probes + "\n")
            defer { proxy.stop() }
            try proxy.waitUntilBothServersAreUp()
            /// The HTTP probe's status, and whether the TCP probe accepts.
            func ask() throws -> [String] {
                let http = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", "http://172.20.0.11:3307/health"]
                let tcp = ["bash", "-c", "exec 3<>/dev/tcp/172.20.0.11/3308"]
                return [try cluster.client.run(http).output, try cluster.client.run(tcp).status == 0 ? "accepted" : "refused"]
            }
            #expect(try ask() == ["200", "accepted"])
            try cluster.replica01.killAtOnce()
            try eventually(within: 20, "read01 to be DOWN") { try proxy.statistics("status")["read01"]?.hasPrefix("DOWN") == true }
            #expect(try ask() == ["200", "accepted"])
            try cluster.replica02.killAtOnce()
            try eventually(within: 20, "the probes to fail, not \(try ask())") { try ask() == ["503", "refused"] }
            // A node that starts at this moment never passes, not even briefly.
            let late = try RunningProxy(.tsukada, on: cluster.tsukada02, in: cluster.world, ownSections: probes + "\n")
            let loop = "for i in $(seq 50); do curl -s -o /dev/null -w '%{http_code}\\n' http://172.20.0.12:3307/; sleep 0.05; done | sort -u | grep -v 000"
            #expect(try cluster.client.run(["bash", "-c", loop]).output.split(separator: "\n") == ["503"])
            late.stop()
            try cluster.replica02.start()
            try eventually(within: 30, "the probes to pass again, not \(try ask())") { try ask() == ["200", "accepted"] }

            let session = try cluster.client.start([clusterTool, "query", "--to", "172.20.0.11:3306", "--text", "select sleep(4)"])
            try eventually(within: 5, "a session") { try proxy.statistics("scur")["FRONTEND"] == "1" }
            proxy.send(signal: SIGUSR1)
            try eventually(within: 3, "the probes of a stopping node to fail, not \(try ask())") { try ask() == ["503", "refused"] }
            #expect(proxy.isAlive, "its session has not ended")
            try session.outside.wait(within: 15)
            try proxy.waitForEnd(within: 10)
        }
    }
}
