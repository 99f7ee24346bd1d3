import ClusterWorld
import Foundation
import Support
import Testing

/// Everything that happens in the article's network. A suite in it says `.serialized`: its tests share a cluster.
@Suite(
    "The article's cluster", .articlesClusters,
    .enabled(if: hindrance == nil || mustRun, Comment(rawValue: hindrance ?? "")), .timeLimit(.minutes(10)))
struct ClusterSuite {}
