import Glibc

/// A network namespace with a name, as ip-netns(8) creates it, whose only interface is a loopback. Only root can create one.
package final class TemporaryNamespace: Sendable {
    package let name = "tsk-\(getpid())-\(UInt32.random(in: 0 ... .max))"

    package init() throws {
        try ChildProcess.demand(["ip", "netns", "add", name])
        try ChildProcess.demand(["ip", "-n", name, "link", "set", "lo", "up"])
    }

    deinit { _ = try? ChildProcess.run(["ip", "netns", "delete", name]) }
}
