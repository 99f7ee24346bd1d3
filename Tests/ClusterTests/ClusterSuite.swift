import ClusterWorld
import Foundation
import Support
import Testing

/// All tests in the article's network. Each suite in it is `.serialized`, because its tests share a cluster.
@Suite(
    "The article's cluster", .articlesClusters,
    .enabled(if: hindrance == nil || mustRun, Comment(rawValue: hindrance ?? "")), .timeLimit(.minutes(10)))
struct ClusterSuite {}

/// The `global` section of the article's file, to which a test may append lines. The node logs to `log`.
func globalSection(log: String) -> String {
    """
    global
        log \(log) local2
        chroot /var/lib/haproxy
        pidfile /var/run/haproxy.pid
        user haproxy
        group haproxy
        daemon
        stats socket /var/lib/haproxy/stats
        stats maxconn 10
    """
}
