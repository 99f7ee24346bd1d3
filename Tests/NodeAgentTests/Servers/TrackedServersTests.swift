import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("The control of tracked servers")
struct TrackedServersTests {
    private let db1 = ServerReference(backend: 0, server: 0)
    private let t1 = ServerReference(backend: 1, server: 0)
    private let t2 = ServerReference(backend: 1, server: 1)

    private static func control() throws -> ServerControl {
        let text =
            "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nbackend mysql\n server db1 127.0.0.1:1 check fall 1 rise 1\n"
            + "backend other\n server t1 127.0.0.1:2 track mysql/db1\n server t2 127.0.0.1:3 track t1\n"
        return try ServerControl.reading(text)
    }

    private static let failure = CheckResult(status: .layer4Timeout, duration: .seconds(1), fault: .noResponse)
    private static let pass = CheckResult(status: .layer4OK, duration: .zero)

    @Test("changes the trackers after the server's own lines and before its change is complete")
    func order() throws {
        let control = try Self.control()
        var outputs: [String] = []
        control.carryOut = { output in
            switch output {
            case .effect(.log, let subject): outputs.append("log about \(subject)")
            case .effect(.routeChanged(let server), _): outputs.append("route of \(server.backend)/\(server.server)")
            case .changed(let server, let before, let after):
                outputs.append("\(server.backend)/\(server.server): \(before.isRunning) -> \(after.isRunning)")
            case .effect, .gossipEvent, .changesEnded: break
            }
        }
        control.checkFinished(Self.failure, of: db1)
        #expect(
            outputs == [
                "log about mysql/db1", "route of 0/0", "log about other/t1", "route of 1/0", "log about other/t2", "route of 1/1", "1/1: true -> false",
                "1/0: true -> false", "0/0: true -> false",
            ])
        #expect([db1, t1, t2].allSatisfy { !control.status(of: $0).isUsable })
        outputs = []
        control.checkFinished(Self.failure, of: db1)
        #expect(outputs == ["0/0: false -> false"], "a failure that changes nothing does not reach the trackers")
        control.checkFinished(Self.pass, of: db1)
        #expect([db1, t1, t2].allSatisfy { control.status(of: $0).isUsable })
    }

    @Test("keeps a tracker's own maintenance apart from the one that it copies")
    func maintenance() throws {
        let control = try Self.control()
        control.apply(.setAdministrative(.maint), to: t1)
        #expect(control.status(of: t1).flags == [.forcedMaintenance] && control.status(of: t2).flags == [.inheritedMaintenance])
        #expect(control.registry.statusText(of: t2) == "MAINT (via other/t1)" && control.status(of: db1).isUsable)
        control.apply(.setAdministrative(.maint), to: db1)
        #expect(control.status(of: t1).flags == [.forcedMaintenance, .inheritedMaintenance])
        control.apply(.setAdministrative(.ready), to: t1)
        #expect(control.status(of: t1).flags == [.inheritedMaintenance] && control.status(of: t2).flags == [.inheritedMaintenance])
        control.apply(.setAdministrative(.ready), to: db1)
        #expect([db1, t1, t2].allSatisfy { control.status(of: $0).flags.isEmpty && control.status(of: $0).isUsable })
    }

    @Test("counts a conditional pass of a server that is down as a failure, and returns it as such")
    func conditionalPass() throws {
        let control = try Self.control()
        let conditional = CheckResult(status: .layer7ConditionalPass, code: 404, duration: .zero)
        #expect(control.checkFinished(conditional, of: db1).status == .layer7ConditionalPass)
        #expect(control.status(of: t2).isStopping && control.status(of: t2).isRunning && !control.status(of: t2).isUsable)
        control.checkFinished(Self.failure, of: db1)
        let counted = control.checkFinished(conditional, of: db1)
        #expect(counted.status == .layer7WrongStatus && counted.code == 404 && !control.status(of: db1).isRunning)
        control.checkFinished(Self.pass, of: db1)
        #expect([db1, t1, t2].allSatisfy { control.status(of: $0).isUsable })
    }
}
