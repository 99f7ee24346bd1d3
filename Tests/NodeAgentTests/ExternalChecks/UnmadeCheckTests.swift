import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("A check that this node could not make")
struct UnmadeCheckTests {
    private let server = ServerReference(backend: 0, server: 0)

    private func control(_ lines: String) throws -> ServerControl {
        let start = "global\n external-check\ndefaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n"
        let (configuration, diagnostics) = Configuration.read(start + "backend b\n \(lines)\n server s 127.0.0.1:1 check fall 1\n")
        try #require(Configuration.alerts(diagnostics).isEmpty)
        let registry = ServerRegistry(backends: configuration.backends, now: Instant(nanoseconds: 0)) { _ in .ip(.v4(0x7f00_0001), port: 1) }
        return ServerControl(registry, now: { Instant(nanoseconds: 1) }, load: { _ in ServerLoad() })
    }

    @Test("by a program is shown, and leaves the server's state; by a connection it counts as failed, as in HAProxy")
    func keepsState() throws {
        let unmade = CheckResult(status: .socketError, info: ExternalCheck.lostInfo, duration: .zero, fault: .node)
        let external = try control("option external-check\n external-check command /bin/true")
        external.checkFinished(unmade, of: server)
        #expect(external.status(of: server).isRunning && external.status(of: server).checkStatus == .socketError)
        external.checkFinished(CheckResult(status: .processError, code: 1, duration: .zero), of: server)
        #expect(!external.status(of: server).isRunning)
        external.checkFinished(unmade, of: server)
        #expect(!external.status(of: server).isRunning)
        let plain = try control("option mysql-check")
        plain.checkFinished(unmade, of: server)
        #expect(!plain.status(of: server).isRunning)
    }
}
