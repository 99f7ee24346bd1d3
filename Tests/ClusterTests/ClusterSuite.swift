import ClusterWorld
import Foundation
import Support
import Testing

/// All tests in the article's network. Each suite in it is `.serialized`, because its tests share a cluster.
@Suite(
    "The article's cluster", .articlesClusters,
    .enabled(if: hindrance == nil || mustRun, Comment(rawValue: hindrance ?? "")), .timeLimit(.minutes(10)))
struct ClusterSuite {}
