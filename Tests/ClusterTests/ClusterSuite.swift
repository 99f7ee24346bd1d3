import ClusterWorld
import Foundation
import Support
import Testing

/// Everything that happens in the article's network; one test after the other.
@Suite(
    "The article's cluster", .serialized, .articlesCluster,
    .enabled(if: hindrance == nil || mustRun, Comment(rawValue: hindrance ?? "")), .timeLimit(.minutes(10)))
struct ClusterSuite {}
