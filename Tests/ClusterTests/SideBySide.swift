import ClusterWorld
import Foundation
import Support
import Testing

/// The product on tsukada01 and Debian's haproxy on tsukada02: what happens, happens to both.
struct SideBySide {
    let cluster: Cluster
    let ours: RunningProxy
    let theirs: RunningProxy
    private let marks: [Int]

    /// Both programs with the seed's files, both servers UP.
    init(_ cluster: Cluster) throws {
        self.cluster = cluster
        marks = [try cluster.log(of: cluster.tsukada01).mark, try cluster.log(of: cluster.tsukada02).mark]
        ours = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world)
        theirs = try RunningProxy(.haproxy, on: cluster.tsukada02, in: cluster.world)
        for proxy in [ours, theirs] { try proxy.waitUntilBothServersAreUp() }
    }

    /// Ends both.
    func stop() {
        ours.stop()
        theirs.stop()
    }

    /// Does something to both, ours first.
    func both<Result>(_ body: (RunningProxy) throws -> Result) rethrows -> [Result] { [try body(ours), try body(theirs)] }

    /// The two, each with the place where its log begins.
    var proxiesAndMarks: [(RunningProxy, Int)] { [(ours, marks[0]), (theirs, marks[1])] }

    /// Waits until both have logged `text`.
    func waitForLog(_ text: String, within seconds: Double = 25, times: Int = 1) throws {
        for (proxy, mark) in proxiesAndMarks {
            try cluster.log(of: proxy.node).wait(for: text, from: mark, within: seconds, times: times)
        }
    }

    /// Fails for everything that the two logs say differently beyond the intended differences.
    func expectTheSameLog(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let lines = try proxiesAndMarks.map { proxy, mark in try cluster.log(of: proxy.node).lines(from: mark) }
        let differences = LogComparison.differences(ours: lines[0], theirs: lines[1])
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))", sourceLocation: sourceLocation)
    }
}
