// The same files, servers and events for tsukada and for Debian's haproxy 2.6. docs/TESTING.md describes how to add a case.

import ClusterWorld
import Foundation
import Support
import Synchronization
import Testing

extension ClusterSuite {
    @Suite("With the same file, tsukada and haproxy", .serialized, .tags(.alone))
    struct DifferentialTests {
        private static let cases =
            DifferentialCase.balancing + DifferentialCase.retrying + DifferentialCase.limits + DifferentialCase.binds + DifferentialCase.checks
            + DifferentialCase.httpChecks + DifferentialCase.protocolChecks + DifferentialCase.states

        @Test("do the same: sessions, checks, log lines, statistics")
        func doTheSame() throws {
            let chosen = Set(ProcessInfo.processInfo.environment["TSUKADA_CASES", default: ""].split(separator: ",").map(String.init))
            let cases = chosen.isEmpty ? Self.cases : Self.cases.filter { chosen.contains($0.name) }
            for difference in try DifferentialRun.differences(of: cases, in: freshCluster()) { Issue.record("\(difference)") }
        }

        @Test("accept and refuse the same lines")
        func acceptTheSame() throws {
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent("tsk-verdicts-\(getpid())")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: directory) }
            let found = Mutex<[String]>([])
            try DifferentialRun.inParallel(Array(VerdictLine.all.enumerated()), threads: 4) { number, line in
                let path = directory.appendingPathComponent("\(number).cfg").path
                try line.file.write(toFile: path, atomically: false, encoding: .utf8)
                let results = try [ProxyProgram.tsukada, .haproxy].map { try ChildProcess.run([$0.path, "-c", "-f", path]) }
                let isIntended = line.difference != nil && !ProxyProgram.testsHaproxy
                guard (results[0].status == 0) == ((results[1].status == 0) != isIntended) else {
                    let verdicts = zip(["tsukada", "haproxy"], results).map { name, result in
                        let alert = result.output.split(separator: "\n").first { $0.hasPrefix("[ALERT]") } ?? ""
                        return "\(name) ends with \(result.status) \(alert)"
                    }
                    found.withLock { $0.append("\(line.place) '\(line.text)': \(verdicts.joined(separator: ", "))") }
                    return
                }
            }
            for difference in found.withLock({ $0.sorted() }) { Issue.record("\(difference)") }
        }

        @Test("are compared in every row of features, and each case has its own names")
        func everyRowHasACase() {
            let covered = Set(Self.cases.flatMap(\.rows) + VerdictLine.all.map(\.row))
            for row in FeatureRow.allCases { #expect(covered.contains(row), "no case for '\(row.rawValue)'") }
            let withCase = Set(Self.cases.flatMap(\.rows))
            // Only verdicts: state files and start states belong to a start, `PrivilegeTests` has the network namespaces, and the others have no effect that
            // clients or servers notice.
            let verdictsOnly: Set<FeatureRow> = [.bindTLS, .namespace, .serverState, .initialState, .serverTLS, .otherSections, .environment]
            for row in FeatureRow.allCases where !verdictsOnly.contains(row) { #expect(withCase.contains(row), "only verdicts for '\(row.rawValue)'") }
            #expect(Set(Self.cases.map(\.name)).count == Self.cases.count && Self.cases.count < 255)
            for each in Self.cases {
                let hasProxy = ["listen CASE", "frontend CASE"].contains { each.sections.contains($0) }
                #expect(hasProxy && !each.name.contains("_"), "\(each.name)")
            }
        }
    }
}
