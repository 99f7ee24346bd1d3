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
        var free: [Cluster?] = [nil, nil, nil]
        var waiting: [CheckedContinuation<Cluster?, Never>] = []
    }

    private let state = Mutex(State())

    /// Runs `suite` with a cluster of its own, and waits until one is free.
    func lend(to suite: () async throws -> Void) async throws {
        var cluster = await take()
        defer { giveBack(cluster) }
        if cluster == nil { cluster = try Cluster() }
        try await Self.$cluster.withValue(cluster) { try await suite() }
    }

    private func take() async -> Cluster? {
        await withCheckedContinuation { continuation in
            let place = state.withLock { state in
                let place = state.free.popLast()
                if place == nil { state.waiting.append(continuation) }
                return place
            }
            if let place { continuation.resume(returning: place) }
        }
    }

    private func giveBack(_ cluster: Cluster?) {
        let next = state.withLock { state in
            if state.waiting.isEmpty {
                state.free.append(cluster)
                return nil as CheckedContinuation<Cluster?, Never>?
            }
            return state.waiting.removeFirst()
        }
        next?.resume(returning: cluster)
    }

    /// Ends all of them.
    func end() { for cluster in state.withLock({ $0.free }) { try? cluster?.world.end() } }
}

/// Runs each job on a thread of its own: tests block their threads, and Swift's pool has only one for each processor.
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
        if let pool = ClusterPool.current { return try await pool.lend(to: function) }
        let pool = ClusterPool()
        defer { pool.end() }
        try await ClusterPool.$current.withValue(pool) {
            try await withTaskExecutorPreference(ThreadForEachJob()) { try await function() }
        }
    }
}

extension Trait where Self == ClusterTrait {
    /// The article's network for each suite in this one.
    static var articlesClusters: ClusterTrait { ClusterTrait() }
}

/// The cluster of the running suite, in its first state.
func freshCluster() throws -> Cluster {
    if let hindrance { throw ChildProcessError(description: hindrance) }
    let cluster = try #require(ClusterPool.cluster)
    try cluster.restore()
    return cluster
}
