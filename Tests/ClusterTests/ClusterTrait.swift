// One cluster for the tests of a suite.

import ClusterWorld
import Foundation
import Support
import Testing

/// The cluster of the suite that is running.
private enum CurrentCluster {
    @TaskLocal static var value: Cluster?
}

/// Gives a suite one cluster for all its tests, and takes it away at the end, however they end.
struct ClusterTrait: SuiteTrait, TestScoping {
    func provideScope(for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void) async throws {
        guard hindrance == nil, test.isSuite else { return try await function() }
        let cluster = try Cluster()
        defer { try? cluster.world.end() }
        try await CurrentCluster.$value.withValue(cluster) { try await function() }
    }
}

extension Trait where Self == ClusterTrait {
    /// The article's network, shared by the suite's tests.
    static var articlesCluster: ClusterTrait { ClusterTrait() }
}

/// The cluster of the running suite, in its first state.
func freshCluster() throws -> Cluster {
    if let hindrance { throw ChildProcessError(description: hindrance) }
    let cluster = try #require(CurrentCluster.value)
    try cluster.restore()
    return cluster
}
