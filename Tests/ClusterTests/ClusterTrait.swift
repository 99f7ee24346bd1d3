// A cluster for each suite while it runs.

import ClusterWorld
import Foundation
import Support
import Synchronization
import Testing

/// The clusters of a run. Tests mostly wait, so three suites run at a time. More would affect what the tests measure on two processors.
private final class ClusterPool: Sendable {
    /// The pool of the run, and the cluster that the running suite has borrowed from it.
    @TaskLocal static var current: ClusterPool?
    @TaskLocal static var cluster: Cluster?

    private struct State {
        /// `nil` for a cluster that is not built yet; the first suite that borrows it builds it.
        var free: [Cluster?] = Array(repeating: nil, count: ClusterPool.size)
        /// A suite runs that excludes all others.
        var isLentAlone = false
        /// In order of arrival. A suite that must run alone keeps later ones waiting.
        var waiting: [(isAlone: Bool, continuation: CheckedContinuation<Cluster?, Never>)] = []

        /// Lends a cluster to the first waiting suite, if that suite may run now.
        mutating func lendNext() -> (CheckedContinuation<Cluster?, Never>, Cluster?)? {
            guard let next = waiting.first, !isLentAlone, free.count == ClusterPool.size || !next.isAlone, let cluster = free.popLast() else { return nil }
            waiting.removeFirst()
            isLentAlone = next.isAlone
            return (next.continuation, cluster)
        }
    }

    private static let size = 3
    private let state = Mutex(State())

    /// Waits for a free cluster and runs `suite` with it.
    ///
    /// - Parameter isAlone: no other suite runs meanwhile.
    func lend(isAlone: Bool, to suite: () async throws -> Void) async throws {
        var cluster = await withCheckedContinuation { continuation in
            state.withLock { $0.waiting.append((isAlone, continuation)) }
            lendAll()
        }
        defer {
            state.withLock { state in
                state.free.append(cluster)
                if isAlone { state.isLentAlone = false }
            }
            lendAll()
        }
        if cluster == nil { cluster = try Cluster() }
        try await Self.$cluster.withValue(cluster) { try await suite() }
    }

    private func lendAll() {
        while let (continuation, cluster) = state.withLock({ $0.lendNext() }) { continuation.resume(returning: cluster) }
    }

    /// Ends all clusters.
    func end() { for cluster in state.withLock({ $0.free }) { try? cluster?.world.end() } }
}

/// Runs each job on a separate thread: tests block their threads, and Swift's pool has only one for each processor.
private final class ThreadForEachJob: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Lends a cluster to each suite in the suite that has this trait, and ends the clusters afterwards, even if suites fail.
struct ClusterTrait: SuiteTrait, TestTrait, TestScoping {
    let isRecursive = true

    func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { test.isSuite && hindrance == nil ? self : nil }

    func provideScope(for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void) async throws {
        if let pool = ClusterPool.current { return try await pool.lend(isAlone: test.tags.contains(.alone), to: function) }
        let pool = ClusterPool()
        defer { pool.end() }
        try await ClusterPool.$current.withValue(pool) {
            try await withTaskExecutorPreference(ThreadForEachJob()) { try await function() }
        }
    }
}

extension Tag {
    /// The suite disturbs the times of other suites, or they disturb its own: it runs alone.
    @Tag static var alone: Self
}

extension Trait where Self == ClusterTrait {
    /// A separate network, as in the article, for each suite in this one.
    static var articlesClusters: ClusterTrait { ClusterTrait() }
}

/// The cluster of the running suite, restored to its first state.
func freshCluster() throws -> Cluster {
    if let hindrance { throw ChildProcessError(description: hindrance) }
    let cluster = try #require(ClusterPool.cluster)
    try cluster.restore()
    try cluster.emptyStateDirectories()
    return cluster
}
