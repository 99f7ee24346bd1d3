import ClusterWorld
import Foundation
import Support
import Testing

/// The product on tsukada01 and Debian's haproxy on tsukada02, with the same events for both.
struct SideBySide {
    let cluster: Cluster
    let ours: RunningProxy
    let theirs: RunningProxy
    private let marks: [Int]

    /// Both programs with the seed's files, both servers UP.
    ///
    /// - Parameter edit: changes the file's text, in the same way for both.
    init(_ cluster: Cluster, edit: (String) -> String = { $0 }) throws {
        self.cluster = cluster
        marks = [try cluster.log(of: cluster.tsukada01).mark, try cluster.log(of: cluster.tsukada02).mark]
        let texts = try [cluster.tsukada01, cluster.tsukada02].map { edit(try seedConfiguration(of: $0.name)) }
        ours = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, configuration: texts[0])
        theirs = try RunningProxy(.haproxy, on: cluster.tsukada02, in: cluster.world, configuration: texts[1])
        for proxy in [ours, theirs] { try proxy.waitUntilBothServersAreUp() }
    }

    /// Ends both.
    func stop() {
        ours.stop()
        theirs.stop()
    }

    /// Runs `body` for both, tsukada first.
    func both<Result>(_ body: (RunningProxy) throws -> Result) rethrows -> [Result] { [try body(ours), try body(theirs)] }

    /// Both programs, each with the mark at which its log begins.
    var proxiesAndMarks: [(RunningProxy, Int)] { [(ours, marks[0]), (theirs, marks[1])] }

    /// Waits until both have logged `text`.
    func waitForLog(_ text: String, within seconds: Double = 25, times: Int = 1) throws {
        for (proxy, mark) in proxiesAndMarks {
            try cluster.log(of: proxy.node).wait(for: text, from: mark, within: seconds, times: times)
        }
    }

    /// Fails for every difference of the two logs beyond the intended ones.
    ///
    /// - Parameter repetition: the text of a line that only haproxy repeats, at the end.
    func expectTheSameLog(butFor repetition: String? = nil, sourceLocation: SourceLocation = #_sourceLocation) throws {
        var lines = try proxiesAndMarks.map { proxy, mark in try cluster.log(of: proxy.node).lines(from: mark) }
        if let repetition, let last = lines[1].lastIndex(where: { $0.text.contains(repetition) }) { lines[1].remove(at: last) }
        let differences = LogComparison.differences(ours: lines[0], theirs: lines[1])
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))", sourceLocation: sourceLocation)
    }
}
