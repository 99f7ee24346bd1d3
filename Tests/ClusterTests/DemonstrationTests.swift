// deploy/demo inside a node, which has separate loopback addresses and ports.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("The demonstration", .serialized)
    struct DemonstrationTests {
        @Test("shows which databases answer, ends on its own, and leaves nothing behind")
        func endsByItself() throws {
            let cluster = try freshCluster()
            let before = try traces(on: cluster.client)
            let demo = try cluster.client.start(command(["--seconds", "8"]))
            #expect(try demo.outside.wait(within: 60) == 0, "\(demo.outside.output)")
            #expect(demo.outside.output.contains("dbserver01 is killed"), "\(demo.outside.output)")
            let shown = demo.outside.output.split(separator: "\n").filter { $0.contains(" s  |  tsukada01: dbserver01 ") }
            #expect(shown.count == 8, "\(demo.outside.output)")
            #expect(shown.contains { $0.hasSuffix("seen: read01 up|up, read02 up|up") }, "\(demo.outside.output)")
            #expect(shown.contains { $0.hasSuffix("seen: read01 down|down, read02 up|up") }, "\(demo.outside.output)")
            #expect(demo.outside.output.contains("out of service: tsukada01 after "), "\(demo.outside.output)")
            try expectNothingLeft(since: before, on: cluster.client)
        }

        @Test("leaves nothing behind after Ctrl-C")
        func endsOnInterrupt() throws {
            let cluster = try freshCluster()
            let before = try traces(on: cluster.client)
            let demo = try cluster.client.start(command([]))
            try eventually(within: 60, "the demonstration: \(demo.outside.output)") { demo.outside.output.contains("1 s  |") }
            try demo.send(signal: SIGINT)
            #expect(try demo.outside.wait(within: 10) == 130, "\(demo.outside.output)")
            try expectNothingLeft(since: before, on: cluster.client)
        }

        private func command(_ arguments: [String]) -> [String] {
            let program = ["--proxy", ProxyProgram.tsukada.path, "--no-database"]
            return ["env", "CLUSTER_TOOL=\(clusterTool)", "\(packageRoot)/deploy/demo"] + program + arguments
        }

        /// The processes of the whole world, and the demonstration's directories.
        private func traces(on node: Node) throws -> Set<String> {
            // Without ps itself; a bash around it is not expected either.
            let processes = try node.demand(["ps", "-e", "-o", "pid=,comm="]).split(separator: "\n").filter { !$0.hasSuffix(" ps") }
            let directories = try FileManager.default.contentsOfDirectory(atPath: "/tmp").filter { $0.hasPrefix("tsk-demo-") }
            return Set(processes.map(String.init) + directories)
        }

        private func expectNothingLeft(since before: Set<String>, on node: Node) throws {
            var left: Set<String> = []
            try eventually(within: 5, "the demonstration to leave nothing behind: \(left)") {
                left = try traces(on: node).subtracting(before)
                return left.isEmpty
            }
        }
    }
}
